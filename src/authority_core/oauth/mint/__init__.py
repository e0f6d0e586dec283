"""Minting: access, ID and refresh tokens, and the keys that sign them. Who may have one is not asked here."""
