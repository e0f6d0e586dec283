"""What keys are called. Pure; knows what identifies a record and what ends it, and no connection.

A name is the deployment's prefix and a suffix such as `grant:…`. Every text in a suffix is percent-encoded, so that a
suffix is ASCII without white space, two things never share one, and nobody's id can choose a slot of a cluster.
"""

from __future__ import annotations

from urllib.parse import quote

from authority_core.kernel import records as r
from authority_core.kernel.encoding import Digest
from authority_core.kernel.identity import comparable

CLIENTS = "clients"
USERS = "users"
CONSENTS = "consents"
CONSENTS_ENDS = "consents:ends"
KEYS = "keys"
AUDIT = "audits"
AUDIT_ENDS = "audits:ends"


def quoted(text: str) -> str:
    """Return *text* percent-encoded but for letters, digits and `_.-~`; any text has exactly one such form."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def named(family: str, *texts: str) -> str:
    """Return the suffix of a thing that texts identify."""
    return ":".join((family, *map(quoted, texts)))


def keyed(family: str, key: Digest) -> str:
    """Return the suffix of a thing that a digest identifies; any bytes may be looked for."""
    return f"{family}:{bytes(key).hex()}"


def of(record: r.Insertable | r.Mutable) -> str:
    """Return the suffix of *record*."""
    match record:
        case r.Client():
            return named("client", record.client_id)
        case r.Consent():
            return named("consent", record.subject, record.client_id)
        case r.SigningKey():
            return named("key", record.kid)
        case r.User():
            return named("user", record.user_id)
        case r.Session():
            return named("session", record.session_id)
        case r.Grant():
            return named("grant", record.grant_id)
        case r.AuditRecord():
            return named("audit", record.audit_id)
        case r.AuthorizationCode():
            return keyed("code", record.key)
        case r.RefreshToken():
            return keyed("refresh", record.key)
        case r.AccessToken():
            return keyed("access", record.key)
        case r.Interaction():
            return keyed("interaction", record.key)


def marks_of_grant(grant: r.Grant) -> str:
    """Return the suffixes of the marks that end *grant*, separated by spaces."""
    marks = [named("revoked:grant", grant.grant_id)]
    if grant.session_id is not None:
        marks.append(named("revoked:session", grant.session_id))
    return " ".join([*marks, named("cut", grant.subject), named("cut", grant.subject, grant.client_id)])


def marks_of_session(session: r.Session) -> str:
    """Return the suffixes of the marks that end *session*, separated by spaces."""
    return f"{named('revoked:session', session.session_id)} {named('cut', session.user_id)}"


def unique(record: r.Mutable) -> list[str]:
    """Return the suffixes of the keys that only one record of the kind may hold."""
    if isinstance(record, r.User):
        texts = {comparable(text) for text in (record.username, record.email) if text is not None}
        return [named("name", text) for text in sorted(texts)]
    return [keyed("cookie", record.key)] if isinstance(record, r.Session) else []


def order(*texts: str) -> bytes:
    """Return bytes that sort as the tuple *texts* does by code points, and of which none begins another's."""
    return b"\0\1".join(text.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\xff") for text in texts) + b"\0\0"


def ends(record: r.Mutable) -> str:
    """Return the suffix of the list that tells when *record* ends; empty where the list of all tells it."""
    return CONSENTS_ENDS if isinstance(record, r.Consent) else ""


def listing(record: r.Mutable) -> tuple[str, bytes]:
    """Return the suffix of the list in which *record* is found, and what stands for it there."""
    suffix = of(record).encode("ascii")
    match record:
        case r.Client():
            return CLIENTS, order(record.client_id) + suffix
        case r.User():
            return USERS, order(record.user_id) + suffix
        case r.Consent():
            return CONSENTS, order(record.subject, record.client_id) + suffix
        case r.SigningKey():
            return KEYS, suffix
        case r.Session():
            return named("sessions", record.user_id), suffix
