"""Client authentication: which method a request uses, and whether it proves the client (RFC 6749 §2.3)."""
