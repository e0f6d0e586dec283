"""Protected resource metadata (RFC 9728): where an API says which issuer's tokens it takes."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from ..kernel.encoding import Json
from ..kernel.problems import ConfigurationError
from .reach import permitted

WELL_KNOWN = "/.well-known/oauth-protected-resource"


def protected_resource_metadata(
    resource: str,
    *,
    authorization_servers: Iterable[str],
    scopes: Iterable[str] = (),
    name: str | None = None,
    documentation: str | None = None,
) -> Json:
    """Return the metadata document of the API *resource* (RFC 9728 §2), to be served at `metadata_path(resource)`.

    *scopes* are those a client may ask for, *name* is shown to people, *documentation* is an address for developers.
    Raises `ConfigurationError` unless *resource* is an https URL without fragment (http on a loopback host).
    """
    _checked(resource)
    document: Json = {"resource": resource, "authorization_servers": list(authorization_servers)}
    document["bearer_methods_supported"] = ["header"]
    if supported := list(scopes):
        document["scopes_supported"] = supported
    for member, value in (("resource_name", name), ("resource_documentation", documentation)):
        if value is not None:
            document[member] = value
    return document


def metadata_path(resource: str) -> str:
    """Return the path on the host of *resource* at which its document belongs (RFC 9728 §3.1).

    >>> metadata_path("https://api.example.com/v1")
    '/.well-known/oauth-protected-resource/v1'
    """
    return WELL_KNOWN + urlsplit(_checked(resource)).path.rstrip("/")


def metadata_url(resource: str) -> str:
    """Return the address of the document of *resource*, as `resource_metadata` names it.

    >>> metadata_url("https://api.example.com")
    'https://api.example.com/.well-known/oauth-protected-resource'
    """
    parts = urlsplit(_checked(resource))
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{metadata_path(resource)}{query}"


def _checked(resource: str) -> str:
    if not permitted(resource, allow_loopback_http=False)(resource):
        raise ConfigurationError(["resource must be an https URL without fragment (RFC 9728 §1.2)."])
    return resource
