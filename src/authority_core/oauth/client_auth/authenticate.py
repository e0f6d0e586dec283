"""Proving a client: the registered method, a live secret, the same work for the unknown and the wrong."""

from __future__ import annotations

from datetime import datetime

from ...kernel.client_secrets import KIND
from ...kernel.encoding import Digest, digest, equal
from ...kernel.events import ClientAuthenticationFailed
from ...kernel.moment import expired
from ...kernel.ports import Origin
from ...kernel.problems import Problem
from ...kernel.records import Client
from ...kernel.requests import Form, HttpRequest
from .credentials import Credentials, read_credentials, unauthenticated
from .slow_secrets import SlowSecrets

LONGEST_NAME = 255
"""Characters of a client id that the audit trail takes from a request that proved nothing."""
_NOBODY = Digest(bytes(32))
_WRONG = "wrong secret"
METHODS = ("none", "client_secret_basic", "client_secret_post")


async def authenticate_client(
    slow: SlowSecrets, request: HttpRequest, form: Form, origin: Origin, now: datetime
) -> Client:
    """Return the client that *request* proves *now*; everything that holds a `Client` comes from here.

    Raises `Problem`: `invalid_client`, the same for every reason, or `invalid_request`; `Busy` as `SlowSecrets` does.
    """
    shell = slow.shell
    try:
        credentials = read_credentials(request, form)
        client = await shell.clients.find(credentials.client_id)
        fault = verdict(client, credentials, now)
        if fault == _WRONG and client is not None and credentials.secret is not None:
            proved = await slow.prove(client, credentials.secret, origin.ip_address, now)
            fault = None if proved else fault
        if client is None or fault is not None:
            raise unauthenticated(fault or "unknown client", challenge=credentials.method == "client_secret_basic")
    except Problem as problem:
        if problem.refusal.error == "invalid_client":
            reason = problem.refusal.reason
            await shell.report(origin, ClientAuthenticationFailed(client_id=_named(form), reason=reason))
        raise
    return client


def verdict(client: Client | None, credentials: Credentials, now: datetime) -> str | None:
    """Return why *credentials* do not prove *client*, for the operator, or `None` when they do.

    Secrets that are kept as slow hashes are not looked at: to them every secret is wrong.
    """
    presented = digest(KIND, credentials.secret or "")
    live = proved = False
    for one in client.secrets if client is not None else ():
        if one.expires_at is None or not expired(one.expires_at, now):
            live = True
            proved = (one.digest is not None and equal(one.digest, presented)) or proved
    if not live:  # at least one comparison, so that an unknown client costs what a wrong secret does
        equal(_NOBODY, presented)
    if client is None:
        return "unknown client"
    if not client.active:
        return "inactive client"
    if credentials.method != client.token_endpoint_auth_method:
        return f"method {credentials.method} is not the registered one"
    if credentials.method == "none":
        return None
    if not credentials.secret or not live:
        return "no secret to compare"
    return None if proved else _WRONG


def _named(form: Form) -> str | None:
    """Return the client that the request names, for the audit trail, unless nobody has such a name."""
    try:
        name = form.get("client_id")
    except Problem:
        return None
    return name if name is not None and len(name) <= LONGEST_NAME else None
