"""Where the pages of this wing are, below the issuer's address."""

from __future__ import annotations

SIGN_IN = "/signin"
PASSWORD_CHANGE = "/password/change"
SIGN_OUT = "/signout"
SIGNED_OUT = "/signed-out"
PROFILE = "/profile"
"""Where a sign-in leads that no application waits for."""
