"""What may be said about a client, and the one validator of it, used when a client is made and when it is changed.

It knows redirect URIs, scopes and grants by name; nothing of storage, secrets or requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from attrs import fields_dict, frozen

from ..kernel import redirect_uri
from ..kernel.identity import email_fault
from ..kernel.records import AuthMethod, Client, TokenFormat
from ..kernel.settings import SIGNING_ALGORITHMS, TOKEN_FORMATS, Settings
from .texts import name_fault

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
APPLICATION_TYPES = ("web", "native")
MOST_CONTACTS = 10
MOST_RESOURCES = 50
LONGEST_URI = 2048

_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")
_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}\Z")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^#]+\Z")


@frozen(kw_only=True)
class ClientMetadata:
    """All that an administrator may say about a client (RFC 7591 §2); the rest is generated."""

    name: str
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    grant_types: frozenset[str] = frozenset({"authorization_code"})
    scopes: frozenset[str] = frozenset()
    default_scopes: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    protects: frozenset[str] = frozenset()
    application_type: Literal["web", "native"] = "web"
    first_party: bool = False
    always_issue_refresh_token: bool = False
    access_token_format: TokenFormat | None = None
    id_token_signed_response_alg: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    contacts: tuple[str, ...] = ()

    @property
    def confidential(self) -> bool:
        """Whether the client keeps a secret."""
        return self.token_endpoint_auth_method != "none"


NAMES = tuple(fields_dict(ClientMetadata))
"""The members, which a `Client` has under the same names."""


def metadata_of(client: Client) -> ClientMetadata:
    """Return what is said about *client* now."""
    return ClientMetadata(**{name: getattr(client, name) for name in NAMES})


def client_id_fault(client_id: str) -> str | None:
    """Return why *client_id*, chosen by an administrator, will not do."""
    if _CLIENT_ID.match(client_id):
        return None
    return "A client id has 1 to 128 letters, digits, or any of . _ ~ -"


def metadata_faults(metadata: ClientMetadata, settings: Settings, grants: frozenset[str]) -> tuple[str, ...]:
    """Return every reason why *metadata* may not be stored, in the order of the members; *grants* are those offered."""
    return tuple(
        dict.fromkeys(
            (
                *_kind_faults(metadata),
                *_redirect_faults(metadata, settings),
                *_grant_faults(metadata, grants),
                *_scope_faults(metadata, settings),
                *_token_faults(metadata, settings),
                *_presentation_faults(metadata, settings),
            )
        )
    )


def _kind_faults(metadata: ClientMetadata) -> Iterator[str]:
    fault = name_fault(metadata.name)
    if fault:
        yield fault
    if metadata.token_endpoint_auth_method not in AUTH_METHODS:
        yield f"token_endpoint_auth_method must be one of {', '.join(AUTH_METHODS)}."
    if metadata.application_type not in APPLICATION_TYPES:
        yield f"application_type must be one of {', '.join(APPLICATION_TYPES)}."


def _redirect_faults(metadata: ClientMetadata, settings: Settings) -> Iterator[str]:
    if "authorization_code" in metadata.grant_types and not metadata.redirect_uris:
        yield "A client with the authorization_code grant needs a redirect URI (RFC 6749 §3.1.2.2)."
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        uris: tuple[str, ...] = getattr(metadata, name)
        if len(uris) > redirect_uri.MOST:
            yield f"{name} has at most {redirect_uri.MOST} entries."
        if len(set(uris)) != len(uris):
            yield f"{name} names an address twice."
        for uri in uris[: redirect_uri.MOST]:
            fault = redirect_uri.fault(
                uri,
                application_type=metadata.application_type,
                confidential=metadata.confidential,
                production=settings.env == "production",
            )
            if fault:
                yield f"{name}: {_shown(uri)}: {fault}"


def _grant_faults(metadata: ClientMetadata, grants: frozenset[str]) -> Iterator[str]:
    for name in sorted(metadata.grant_types - grants):
        yield f"grant_types: {_shown(name)} is not offered here; choose from {', '.join(sorted(grants))}."
    if not metadata.grant_types and not metadata.protects:
        yield "grant_types must name at least one grant, unless the client only serves a resource."
    if metadata.grant_types == {"refresh_token"}:
        yield "The refresh_token grant needs another grant that issues the first refresh token."
    if "client_credentials" in metadata.grant_types and not metadata.confidential:
        yield "The client_credentials grant is for clients that keep a secret (RFC 6749 §4.4)."


def _scope_faults(metadata: ClientMetadata, settings: Settings) -> Iterator[str]:
    known = {scope.name for scope in settings.scopes}
    for name in sorted(metadata.scopes - known):
        yield f"scopes: {_shown(name)} is not among the server's scopes."
    for name in sorted(metadata.default_scopes - metadata.scopes):
        yield f"default_scopes: {_shown(name)} is not among the client's scopes."


def _token_faults(metadata: ClientMetadata, settings: Settings) -> Iterator[str]:
    for name in ("audiences", "protects"):
        resources: frozenset[str] = getattr(metadata, name)
        if len(resources) > MOST_RESOURCES:
            yield f"{name} has at most {MOST_RESOURCES} entries."
        for uri in sorted(resources)[:MOST_RESOURCES]:
            if len(uri) > LONGEST_URI or not _PRINTABLE.match(uri) or not _ABSOLUTE.match(uri):
                yield f"{name}: {_shown(uri)} is not an absolute URI without a fragment (RFC 8707 §2)."
    if metadata.access_token_format is not None and metadata.access_token_format not in TOKEN_FORMATS:
        yield f"access_token_format must be one of {', '.join(TOKEN_FORMATS)}, or left out."
    enabled = settings.signing_algorithms
    chosen = metadata.id_token_signed_response_alg
    if chosen is not None and chosen not in enabled:
        usable = [name for name in SIGNING_ALGORITHMS if name in enabled]
        yield f"id_token_signed_response_alg must be one of {', '.join(usable)}: the server has no other keys."


def _presentation_faults(metadata: ClientMetadata, settings: Settings) -> Iterator[str]:
    for name in ("client_uri", "logo_uri", "policy_uri", "tos_uri"):
        uri: str | None = getattr(metadata, name)
        if uri is not None and not _web_address(uri, settings):
            yield f"{name}: {_shown(uri)} is not an https address."
    if len(metadata.contacts) > MOST_CONTACTS:
        yield f"contacts has at most {MOST_CONTACTS} entries."
    for address in metadata.contacts[:MOST_CONTACTS]:
        if email_fault(address):
            yield f"contacts: {_shown(address)} is not an e-mail address."


def _web_address(uri: str, settings: Settings) -> bool:
    if len(uri) > LONGEST_URI or not _PRINTABLE.match(uri) or "\\" in uri:
        return False
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (settings.env != "production" and redirect_uri.is_loopback(uri))


def _shown(text: str) -> str:
    """Return *text* as a terminal or a page may show it: short, and without anything that is not printable."""
    return ascii(text[:80])
