"""Starlette, with our accounts."""
