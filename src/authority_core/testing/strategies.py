"""Hypothesis strategies for records: every field, with the values that databases get wrong.

Needs Hypothesis (`pip install hypothesis`), which is no dependency of this library.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from attrs import evolve
from hypothesis import strategies as st

from ..kernel.encoding import Digest
from ..kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    ClientSecret,
    Consent,
    Counter,
    Grant,
    Interaction,
    RefreshToken,
    Session,
    SigningKey,
    Spent,
    User,
)
from .values import ENDS, HOSTILE, INSTANTS, TOMORROW


def texts(*, nul: bool = False) -> st.SearchStrategy[str]:
    """Return texts without lone surrogates; with NUL only where asked for, for PostgreSQL cannot hold it."""
    excluded = "" if nul else "\x00"
    return st.one_of(
        st.sampled_from(HOSTILE), st.text(st.characters(codec="utf-8", exclude_characters=excluded), max_size=40)
    )


def names() -> st.SearchStrategy[str]:
    """Return texts that serve as keys: not empty, of the length that an index of any database takes."""
    return texts().map(lambda text: "n" + text[:200])


def times() -> st.SearchStrategy[datetime]:
    """Return every instant in UTC that Python can hold, with microseconds."""
    return st.one_of(st.sampled_from(INSTANTS), st.datetimes(timezones=st.just(timezone.utc)))


def ends() -> st.SearchStrategy[datetime]:
    """Return instants until which something is kept: none before tomorrow, for databases may forget by their clock."""
    instants = st.datetimes(TOMORROW.replace(tzinfo=None), timezones=st.just(timezone.utc))
    return st.one_of(st.sampled_from(ENDS), instants)


def digests() -> st.SearchStrategy[Digest]:
    """Return digests, of which the first byte or the last may be zero."""
    return st.binary(min_size=32, max_size=32).map(Digest)


def _words() -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(texts(), max_size=4)


def _lists() -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(texts(), max_size=4).map(tuple)


def json_objects() -> st.SearchStrategy[Mapping[str, object]]:
    """Return JSON objects of some depth."""
    leaves = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    values: st.SearchStrategy[object] = st.recursive(
        leaves | texts(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3),
        max_leaves=6,
    )
    return st.dictionaries(texts(), values, max_size=4)


def _maybe(strategy: st.SearchStrategy[datetime]) -> st.SearchStrategy[datetime | None]:
    return st.none() | strategy


def _optional() -> st.SearchStrategy[str | None]:
    return st.none() | texts()


def clients() -> st.SearchStrategy[Client]:
    """Return clients that were never written."""
    kept = {"secret_id": texts(), "hint": texts(), "created_at": times(), "expires_at": _maybe(times())}
    secret = st.builds(ClientSecret, digest=digests(), **kept) | st.builds(ClientSecret, secret_hash=texts(), **kept)
    return st.builds(
        Client,
        client_id=names(),
        name=texts(),
        token_endpoint_auth_method=st.sampled_from(("none", "client_secret_basic", "client_secret_post")),
        secrets=st.lists(secret, max_size=2).map(tuple),
        redirect_uris=_lists(),
        post_logout_redirect_uris=_lists(),
        grant_types=_words(),
        scopes=_words(),
        default_scopes=_words(),
        audiences=_words(),
        protects=_words(),
        application_type=st.sampled_from(("web", "native")),
        first_party=st.booleans(),
        always_issue_refresh_token=st.booleans(),
        access_token_format=st.none() | st.sampled_from(("jwt", "opaque")),
        id_token_signed_response_alg=_optional(),
        client_uri=_optional(),
        logo_uri=_optional(),
        policy_uri=_optional(),
        tos_uri=_optional(),
        contacts=_lists(),
        active=st.booleans(),
        created_at=times(),
        tokens_valid_after=_maybe(times()),
    )


def grants() -> st.SearchStrategy[Grant]:
    """Return grants that were never revoked."""
    return st.builds(
        Grant,
        grant_id=names(),
        client_id=names(),
        subject=names(),
        grant_type=texts(),
        scope=_words(),
        audience=_lists(),
        created_at=times(),
        expires_at=times(),
        session_id=st.none() | names(),
        auth_time=_maybe(times()),
        acr=_optional(),
        amr=_lists(),
        keep_until=ends(),
    )


def codes() -> st.SearchStrategy[AuthorizationCode]:
    """Return authorization codes with the grants they carry."""
    return st.builds(
        AuthorizationCode,
        key=digests(),
        grant=grants(),
        redirect_uri=texts(),
        nonce=_optional(),
        code_challenge=_optional(),
        code_challenge_method=st.none() | st.sampled_from(("S256", "plain")),
        expires_at=times(),
        keep_until=ends(),
    )


def refresh_tokens() -> st.SearchStrategy[RefreshToken]:
    """Return refresh tokens of grants that need not exist."""
    return st.builds(
        RefreshToken,
        key=digests(),
        grant_id=names(),
        generation=st.integers(0, 2**40),
        expires_at=times(),
        keep_until=ends(),
    )


def access_tokens() -> st.SearchStrategy[AccessToken]:
    """Return opaque access tokens, with and without a grant."""
    return st.builds(
        AccessToken,
        key=digests(),
        token_id=texts(),
        grant_id=st.none() | names(),
        client_id=names(),
        subject=names(),
        scope=_words(),
        audience=_lists(),
        issued_at=times(),
        expires_at=times(),
        keep_until=ends(),
    )


def interactions() -> st.SearchStrategy[Interaction]:
    """Return authorization requests under way; parameters keep their order and their repetitions."""
    return st.builds(
        Interaction,
        key=digests(),
        browser=digests(),
        client_id=names(),
        parameters=st.lists(st.tuples(texts(), texts()), max_size=4).map(tuple),
        created_at=times(),
        expires_at=times(),
        keep_until=ends(),
    )


def consents() -> st.SearchStrategy[Consent]:
    """Return remembered consent that was never written."""
    return st.builds(
        Consent,
        subject=names(),
        client_id=names(),
        scope=_words(),
        granted_at=times(),
        expires_at=_maybe(times()),
        revoked_at=_maybe(times()),
        keep_until=_maybe(ends()),
    )


def signing_keys() -> st.SearchStrategy[SigningKey]:
    """Return signing keys that were never written; the private part is any bytes."""
    return st.builds(
        SigningKey,
        kid=names(),
        alg=texts(),
        public_jwk=json_objects(),
        private_jwk=st.binary(max_size=3000),
        state=st.sampled_from(("pending", "active", "retired", "compromised")),
        created_at=times(),
        activated_at=_maybe(times()),
        retired_at=_maybe(times()),
        keep_until=_maybe(ends()),
    )


def users() -> st.SearchStrategy[User]:
    """Return accounts that were never written, with or without a name and an address."""
    return st.builds(
        User,
        user_id=names(),
        username=st.none() | names(),
        email=st.none() | names(),
        email_verified=st.booleans(),
        password_hash=_optional(),
        password_changed_at=_maybe(times()),
        password_must_change=st.booleans(),
        claims=json_objects(),
        role=st.sampled_from(("user", "admin", "super_admin")),
        active=st.booleans(),
        locked_at=_maybe(times()),
        unlock_at=_maybe(times()),
        created_at=times(),
        updated_at=times(),
        last_login_at=_maybe(times()),
    ).map(lambda user: evolve(user, email=None) if user.email == user.username else user)


def sessions() -> st.SearchStrategy[Session]:
    """Return sessions that were never written nor revoked."""
    return st.builds(
        Session,
        session_id=names(),
        key=digests(),
        user_id=names(),
        auth_time=times(),
        acr=texts(),
        amr=_lists(),
        created_at=times(),
        last_activity=times(),
        expires_at=times(),
        remember=st.booleans(),
        ip_address=_optional(),
        user_agent=_optional(),
        keep_until=ends(),
    )


def audit_records() -> st.SearchStrategy[AuditRecord]:
    """Return lines of the audit trail."""
    return st.builds(
        AuditRecord,
        audit_id=names(),
        at=times().filter(lambda at: at < datetime.max.replace(tzinfo=timezone.utc) - timedelta(days=1)),
        event=texts(),
        severity=st.sampled_from(("info", "notice", "warning", "error")),
        client_id=_optional(),
        subject=_optional(),
        session_id=_optional(),
        grant_id=_optional(),
        detail=json_objects(),
        ip_address=_optional(),
        user_agent=_optional(),
        request_id=_optional(),
        keep_until=ends(),
    )


def spent_marks() -> st.SearchStrategy[Spent]:
    """Return the marks of spent keys, with salts of any bytes."""
    return st.builds(Spent, at=times(), salt=st.binary(max_size=64))


def counters() -> st.SearchStrategy[Counter]:
    """Return counters that count something and have not come to their end."""
    return st.builds(Counter, value=st.integers(1, 2**31 - 1), expires_at=ends())
