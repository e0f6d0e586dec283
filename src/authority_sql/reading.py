"""Every read, as one statement each.

Liveness is computed here and nowhere else: a grant or session comes back with the times of the marks that end it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, Table, false, literal_column, select, true, tuple_

from . import shapes
from .prepared import Prepared, Preparer, param
from .schema import Tables

MARKED = "subject", "client_id", "session_id", "grant_id", "created_at"
"""The fields of a grant by which marks find it."""


def _revocation(tables: Tables, what: str, which: Any) -> Any:
    mark = tables.revocations.alias()
    return select(mark.c.at).where(mark.c.what == literal_column(what), mark.c.id == which).scalar_subquery()


def _session_marks(tables: Tables, session_id: Any, subject: Any, created_at: Any) -> list[Any]:
    """Return the times of the marks that end a session and all that was born in it: one column a mark."""
    cut = tables.cut_offs.alias()
    everywhere = cut.c.every_client == true(), cut.c.client_id == literal_column("''")
    dead = select(cut.c.at).where(cut.c.subject == subject, *everywhere, cut.c.at >= created_at)
    return [_revocation(tables, "'session'", session_id), dead.scalar_subquery()]


def _grant_marks(tables: Tables, of: Callable[[str], Any]) -> list[Any]:
    """Return the times of the marks that end the grant *of* which each field is asked for by name."""
    subject, client_id, session_id, grant_id, created_at = map(of, MARKED)
    cut = tables.cut_offs.alias()
    same = cut.c.subject == subject, cut.c.every_client == false(), cut.c.client_id == client_id
    dead = select(cut.c.at).where(*same, cut.c.at >= created_at).scalar_subquery()
    return [*_session_marks(tables, session_id, subject, created_at), _revocation(tables, "'grant'", grant_id), dead]


def _all(table: Table, shape: shapes.Shape[Any]) -> list[Any]:
    return [table.c[name] for name in shape.fields]


def reads_for(preparer: Preparer, tables: Tables) -> dict[str, Prepared]:
    """Return every read, by the name of its method."""
    return {**_single_use(preparer, tables), **_records(preparer, tables), **_accounts(preparer, tables)}


def _single_use(preparer: Preparer, tables: Tables) -> dict[str, Prepared]:
    """Records read with their grant, its holder and the mark of their spending, each in one statement."""
    grant, spent, user = tables.of["grants"], tables.spent_keys, tables.of["users"]
    of_grant = [*_all(grant, shapes.GRANT), *_grant_marks(tables, grant.c.__getitem__)]
    standing = [user.c[name] for name in shapes.STANDING]

    def keyed(table: Table, *columns: Any, joined: bool = False, holder: Any = None) -> Prepared:
        source = table.outerjoin(spent, spent.c["key"] == table.c["key"])
        if joined:
            source = source.outerjoin(grant, grant.c.grant_id == table.c.grant_id)
        if holder is not None:
            source = source.outerjoin(user, user.c.user_id == holder)
            columns = *columns, *standing
        statement = select(*columns, spent.c["at"], spent.c.salt).select_from(source)
        return preparer.prepare(statement.where(table.c["key"] == param("key")), ("key",))

    code = tables.of["authorization_codes"]
    carried = [*list(code.c), *_grant_marks(tables, lambda name: code.c[shapes.inside_code(name)])]
    refresh, access, ticket = (tables.of[shape.table] for shape in (shapes.REFRESH, shapes.ACCESS, shapes.INTERACTION))
    return {
        "grant": preparer.prepare(select(*of_grant).where(grant.c.grant_id == param("grant_id")), ("grant_id",)),
        "code": keyed(code, *carried, holder=code.c[shapes.inside_code("subject")]),
        "refresh_token": keyed(
            refresh, *_all(refresh, shapes.REFRESH), *of_grant, joined=True, holder=grant.c.subject
        ),
        "access_token": keyed(access, *_all(access, shapes.ACCESS), *of_grant, joined=True),
        "interaction": keyed(ticket, *_all(ticket, shapes.INTERACTION)),
        "marked": preparer.prepare(_marked(tables), ("key", *MARKED)),
        "spent": preparer.prepare(select(spent.c["at"], spent.c.salt).where(spent.c["key"] == param("key")), ("key",)),
    }


def _marked(tables: Tables) -> Select[Any]:
    """Return what became of a code that is kept elsewhere and is given whole: one row, whatever is stored here."""
    asked, user, spent = select(param("key").label("key")).subquery("asked"), tables.of["users"], tables.spent_keys
    source = asked.outerjoin(spent, spent.c["key"] == asked.c["key"])
    source = source.outerjoin(user, user.c.user_id == param("subject"))
    standing = [user.c[name] for name in shapes.STANDING]
    return select(*_grant_marks(tables, param), *standing, spent.c["at"], spent.c.salt).select_from(source)


def _records(preparer: Preparer, tables: Tables) -> dict[str, Prepared]:
    client, consent, key, audit = (
        tables.of[shape.table] for shape in (shapes.CLIENT, shapes.CONSENT, shapes.SIGNING_KEY, shapes.AUDIT)
    )
    clients = select(*_all(client, shapes.CLIENT)).order_by(client.c.client_id).limit(param("count"))
    consents = select(*_all(consent, shapes.CONSENT)).where(consent.c.subject == param("subject"))
    pair = tuple_(consent.c.subject, consent.c.client_id)
    everybody = select(*_all(consent, shapes.CONSENT)).order_by(*pair.clauses).limit(param("count"))
    beyond = everybody.where(pair > tuple_(param("subject"), param("client_id")))
    lines = select(*_all(audit, shapes.AUDIT)).order_by(audit.c["at"].desc(), audit.c.audit_id.desc())
    lines = lines.limit(param("count"))
    return {
        "client": preparer.prepare(
            select(*_all(client, shapes.CLIENT)).where(client.c.client_id == param("client_id")), ("client_id",)
        ),
        "clients": preparer.prepare(clients, ("count",)),
        "clients_after": preparer.prepare(clients.where(client.c.client_id > param("after")), ("after", "count")),
        "consent": preparer.prepare(
            consents.where(consent.c.client_id == param("client_id")), ("subject", "client_id")
        ),
        "consents": preparer.prepare(consents.order_by(consent.c.client_id), ("subject",)),
        "all_consents": preparer.prepare(everybody, ("count",)),
        "all_consents_after": preparer.prepare(beyond, ("subject", "client_id", "count")),
        "signing_keys": preparer.prepare(
            select(*_all(key, shapes.SIGNING_KEY)).order_by(key.c.created_at, key.c.kid), ()
        ),
        "audit": preparer.prepare(lines, ("count",)),
        "audit_before": preparer.prepare(lines.where(audit.c["at"] < param("at")), ("at", "count")),
    }


def _accounts(preparer: Preparer, tables: Tables) -> dict[str, Prepared]:
    user, session, counter = tables.of["users"], tables.of["sessions"], tables.counters
    users = select(*_all(user, shapes.USER))
    by_id = users.order_by(user.c.user_id).limit(param("count"))
    name = tables.user_identifiers
    named = users.join(name, name.c.user_id == user.c.user_id).where(name.c.identifier == param("identifier"))
    marks = _session_marks(tables, session.c.session_id, session.c.user_id, session.c.created_at)
    sessions = select(*_all(session, shapes.SESSION), *marks)
    newest = sessions.order_by(session.c.created_at.desc(), session.c.session_id)
    return {
        "user": preparer.prepare(users.where(user.c.user_id == param("user_id")), ("user_id",)),
        "users": preparer.prepare(by_id, ("count",)),
        "users_after": preparer.prepare(by_id.where(user.c.user_id > param("after")), ("after", "count")),
        "user_by_identifier": preparer.prepare(named, ("identifier",)),
        "session": preparer.prepare(sessions.where(session.c["key"] == param("key")), ("key",)),
        "sessions": preparer.prepare(newest.where(session.c.user_id == param("user_id")), ("user_id",)),
        "marked_session": preparer.prepare(
            select(*_session_marks(tables, param("session_id"), param("subject"), param("created_at"))),
            ("session_id", "subject", "created_at"),
        ),
        "counter": preparer.prepare(
            select(counter.c.value, counter.c.expires_at).where(counter.c["key"] == param("key")), ("key",)
        ),
    }
