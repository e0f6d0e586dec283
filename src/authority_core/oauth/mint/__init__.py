"""Minting: access tokens, ID tokens, refresh tokens, and the keys that sign them. Nothing here decides who may have one."""
