"""Accounts: sign-in, sessions, sign-out. It knows no OAuth; it answers who is signed in, how, and when."""
