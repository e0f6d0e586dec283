"""Redirect URIs as the protocol's checks see them; the rules live in the kernel, for administration needs them too."""

from ...kernel.redirect_uri import LONGEST, MOST, fault, is_loopback, matches

__all__ = ["LONGEST", "MOST", "fault", "is_loopback", "matches"]
