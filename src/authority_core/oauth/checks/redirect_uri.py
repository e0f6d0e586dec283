"""Redirect URIs as the protocol's checks see them; the rules live in the kernel, because administration needs them too."""

from ...kernel.redirect_uri import LONGEST as LONGEST
from ...kernel.redirect_uri import MOST as MOST
from ...kernel.redirect_uri import fault as fault
from ...kernel.redirect_uri import is_loopback as is_loopback
from ...kernel.redirect_uri import matches as matches
