"""A record that is written over is the new one in every field: nothing of the old one stays, or is added to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from attrs import evolve

from ...kernel.changes import Replace
from ...kernel.records import ClientSecret, Mutable, Session, User
from .everyfield import expect_held
from .fields import FOUND_BY
from .overwriting import read
from .samples import KEEP, LATER, NOW, a_client, a_consent, a_session, a_signing_key, a_user, key_of
from .stage import Stage, expect_same, promise

_STATES = ("full", "nothing", "full", "blank", "other", "nothing", "other", "blank", "full")
"""What a record holds, one version after the other; *blank* is an empty text where there may be one."""
_NAMES = {"full": "alice", "other": "carol"}
_SECRET = ClientSecret(secret_id="one", digest=key_of("one", "client_secret"), hint="once", created_at=NOW)
_CONTENTS: dict[Any, tuple[Any, Any, Any]] = {
    str: ("some text", "another text", ""),
    bytes: (b"some bytes", b"other bytes", b""),
    bool: (True, False, False),
    frozenset: (frozenset({"some", "both"}), frozenset({"other", "both"}), frozenset()),
    Mapping: (
        {"some": 1, "both": {"some": 1, "both": [1, 2]}, "gone": {"in": "it"}},
        {"other": 1, "both": {"other": 1, "both": [3]}, "gone": None},
        {},
    ),
}
"""Of each type what is some, what is other, and what is empty."""


def _contents(name: str, hint: Any) -> Mapping[str, Any]:
    """Return what a field of this *name* and type holds in each of the states."""
    if NoneType in get_args(hint):
        (rest,) = (one for one in get_args(hint) if one is not NoneType)
        held = _contents(name, rest)
        return {**held, "nothing": None, "blank": "" if rest is str else None}
    some: Any
    other: Any
    empty: Any
    if name == "keep_until":
        some, other, empty = KEEP, KEEP + timedelta(hours=1), KEEP
    elif get_origin(hint) is Literal:
        some, other, empty = (*get_args(hint), get_args(hint)[0])[:3]
    elif get_origin(hint) is tuple:
        one, two = (_SECRET, evolve(_SECRET, secret_id="two")) if get_args(hint)[0] is ClientSecret else ("one", "two")
        some, other, empty = (one, two), (two,), ()
    else:
        some, other, empty = _CONTENTS.get(get_origin(hint) or hint, (NOW, LATER, NOW))
    return {"full": some, "other": other, "nothing": empty, "blank": empty}


def states_of(record: Mutable) -> dict[str, Mutable]:
    """Return *record* with each of its fields full, with others, and with nothing in each that may hold nothing."""
    kind = type(record)
    fixed = {"version", "key", *FOUND_BY} | ({"revoked_at"} if kind is Session else set())
    fields = {name: _contents(name, hint) for name, hint in get_type_hints(kind).items() if name not in fixed}
    if kind is User:
        fields["username"] = _NAMES
        fields["email"] = {state: f"{name}@mail.example" for state, name in _NAMES.items()}
    change: Callable[..., Mutable] = evolve
    return {state: change(record, **{name: held.get(state) for name, held in fields.items()}) for state in _STATES}


class Rewriting:
    """`Replace` over what is there."""

    @promise
    async def test_a_replace_writes_the_whole_record(self, stage: Stage) -> None:
        """What became empty is empty, what was empty is full, and sets, lists and objects are not added to."""
        for record in (a_client(), a_consent(), a_signing_key(), a_user(), a_session()):
            states = states_of(record)
            for version, state in enumerate(_STATES):
                await stage.storage.commit([Replace(evolve(states[state], version=version))])
                expect_held(await read(stage.storage, record), evolve(states[state], version=version + 1))

        held: list[object] = [await stage.storage.user_by_identifier(name) for name in _NAMES.values()]
        expect_same([one is not None for one in held], [True, False], "a name that was given up finds nobody")
