"""What a transfer file says of clients, accounts and consents: the members of each kind, in the order they are written.

The format reference in the documentation describes these tables. Knows no storage and judges nothing but types.
"""

from __future__ import annotations

from attrs import field, frozen

from ..kernel.encoding import Json
from ..kernel.records import Client, Consent, User
from .client_metadata import APPLICATION_TYPES, AUTH_METHODS
from .transfer_members import (
    Member,
    encode_line,
    flag,
    in_order,
    mapping,
    one_of,
    optional,
    read_members,
    secret_list,
    secrets,
    text,
    texts,
    time,
    timestamp,
    words,
    written,
)
from .users import ROLES

HEADER = "authority-export"
VERSION = 1
FIRST = f'The first line must be {{"kind":"{HEADER}","version":{VERSION}}}'
Transferred = Client | User | Consent
"""Records that travel."""

CLIENT = (
    Member("client_id", text, required=True),
    Member("name", text, required=True),
    Member("token_endpoint_auth_method", one_of(*AUTH_METHODS)),
    Member("secrets", secrets, secret_list),
    Member("redirect_uris", texts, list),
    Member("post_logout_redirect_uris", texts, list),
    Member("grant_types", words, in_order),
    Member("scopes", words, in_order),
    Member("default_scopes", words, in_order),
    Member("audiences", words, in_order),
    Member("protects", words, in_order),
    Member("application_type", one_of(*APPLICATION_TYPES)),
    Member("first_party", flag),
    Member("always_issue_refresh_token", flag),
    Member("access_token_format", optional(one_of("jwt", "opaque"))),
    Member("id_token_signed_response_alg", optional(text)),
    Member("client_uri", optional(text)),
    Member("logo_uri", optional(text)),
    Member("policy_uri", optional(text)),
    Member("tos_uri", optional(text)),
    Member("contacts", texts, list),
    Member("active", flag),
    Member("created_at", time, timestamp),
    Member("tokens_valid_after", optional(time), timestamp),
)
FROM_ELSEWHERE = (Member("client_secret", text), Member("client_secret_hash", text))
"""Only read, never written: a secret that another system knows in the clear, or by its slow hash."""

USER = (
    Member("user_id", text),
    Member("username", optional(text)),
    Member("email", optional(text)),
    Member("email_verified", flag),
    Member("password_hash", optional(text)),
    Member("password_changed_at", optional(time), timestamp),
    Member("password_must_change", flag),
    Member("claims", mapping, dict),
    Member("role", one_of(*ROLES)),
    Member("active", flag),
    Member("locked_at", optional(time), timestamp),
    Member("unlock_at", optional(time), timestamp),
    Member("created_at", time, timestamp),
    Member("updated_at", time, timestamp),
    Member("last_login_at", optional(time), timestamp),
)

CONSENT = (
    Member("subject", text, required=True),
    Member("client_id", text, required=True),
    Member("scope", words, in_order, required=True),
    Member("granted_at", time, timestamp),
    Member("expires_at", optional(time), timestamp),
    Member("revoked_at", optional(time), timestamp),
)

HAPPENED = frozenset(
    {"created_at", "tokens_valid_after", "updated_at", "password_changed_at", "locked_at", "last_login_at",
     "granted_at", "revoked_at"}
)  # fmt: skip
"""Times at which something has happened; the others are those at which something ends."""
_FIRST_MEMBERS = {"kind", "version", "end"}

_WRITTEN: dict[type, tuple[str, tuple[Member, ...]]] = {
    Client: ("client", CLIENT),
    User: ("user", USER),
    Consent: ("consent", CONSENT),
}
_READ = {"client": (*CLIENT, *FROM_ELSEWHERE), "user": USER, "consent": CONSENT}


def header_line() -> bytes:
    """Return the first line of an export, which says that a last one comes."""
    return encode_line({"kind": HEADER, "version": VERSION, "end": True}).encode("ascii") + b"\n"


def line_of(record: Transferred) -> bytes:
    """Return *record* as one line."""
    kind, members = _WRITTEN[type(record)]
    return encode_line({"kind": kind, **written(record, members)}).encode("ascii") + b"\n"


@frozen
class Line:
    """A line of known *kind*: the members that are given and right, and the *faults* of the others."""

    kind: str
    given: dict[str, object] = field(repr=False)
    faults: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What reports call the record: never a secret."""
        given = self.given
        names = (given.get("client_id"), given.get("user_id") or given.get("username") or given.get("email"))
        if self.kind == "consent":
            names = (given.get("subject"), given.get("client_id"))
        return " for ".join(ascii(name[:80])[1:-1] for name in names if isinstance(name, str))


def parsed(value: Json) -> Line:
    """Return what the JSON object *value* says; types are judged here, everything else by the validators."""
    kind = value.get("kind")
    members = _READ.get(kind) if isinstance(kind, str) else None
    if not isinstance(kind, str) or members is None:
        return Line("", {}, (f"kind must be one of {', '.join(_READ)}.",))
    rest = {name: item for name, item in value.items() if name != "kind"}
    given, faults = read_members(rest, members)
    return Line(kind, given, tuple(faults))


def header_fault(value: Json) -> str | None:
    """Return why *value* is not the first line of a file that can be read here."""
    if value.get("kind") != HEADER:
        return f"{FIRST}: this is no transfer file."
    if value.get("version") != VERSION or isinstance(value.get("version"), bool):
        return f"The file has a format of another version: this program reads version {VERSION}."
    unknown = sorted(set(value) - _FIRST_MEMBERS)
    if unknown:
        return f"In the first line, {unknown[0][:40]!a} is not a member that is known here."
    if not isinstance(value.get("end", False), bool):
        return "In the first line, end must be true or false: whether a last line comes."
    return None
