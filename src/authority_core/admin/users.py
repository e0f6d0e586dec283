"""Operations on accounts: create, set the password, deactivate, activate.

Decisions are functions of the record and a moment; `Users` lets the shell commit them. Passwords are judged by the one
policy and hashed through the port for slow work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import get_args

from attrs import evolve, field, frozen

from ..kernel.changes import Decision, Replace
from ..kernel.events import UserChanged, UserCreated
from ..kernel.identity import canonical, email_fault, username_fault
from ..kernel.moment import Moment
from ..kernel.passwords import ADMINS, Passwords, password_faults
from ..kernel.ports import Origin
from ..kernel.records import Role, User
from ..kernel.settings import Settings
from ..kernel.shell import Shell
from ..kernel.users import cut_off, with_password
from ..kernel.values import Secret
from .refusals import Invalid, Unknown
from .texts import deceives

ROLES: tuple[Role, ...] = get_args(Role)
LONGEST_CLAIM = 1000

# Claims that the record has a field for, or that only the protocol may set.
_NOT_CLAIMS = frozenset(
    {"sub", "iss", "aud", "exp", "iat", "nbf", "jti", "auth_time", "nonce", "acr", "amr", "azp", "sid", "at_hash",
     "c_hash", "email", "email_verified", "preferred_username", "updated_at"}
)  # fmt: skip


@frozen(kw_only=True)
class NewUser:
    """What an account is made of; it needs a user name or an address."""

    username: str | None = None
    email: str | None = None
    password: Secret | None = None
    role: Role = "user"
    email_verified: bool = False
    password_must_change: bool = False
    claims: Mapping[str, object] = field(factory=lambda: MappingProxyType({}))
    """Standard claims of OpenID Connect Core §5.1."""


def user_faults(new: NewUser, settings: Settings, *, hashed: bool = False) -> tuple[str, ...]:
    """Return every reason why *new* may not become an account; *hashed* when its password's hash is known already."""
    return tuple(_user_faults(new, settings, hashed))


def _user_faults(new: NewUser, settings: Settings, hashed: bool) -> Iterator[str]:
    if new.username is None and new.email is None:
        yield "An account needs a user name or an e-mail address."
    for value, fault_of in ((new.username, username_fault), (new.email, email_fault)):
        fault = None if value is None else fault_of(canonical(value))
        if fault:
            yield fault
    if new.email is not None and deceives(new.email):
        yield "The address must not contain control, bidirectional or zero-width characters."
    if new.role not in ROLES:
        yield f"The role must be one of {', '.join(ROLES)}."
    if new.role in ADMINS and new.password is None and not hashed:
        yield "An administrator's account needs a password."
    if new.password is not None:
        yield from password_faults(new.password, settings, new.role, new.username, new.email)
    yield from _claim_faults(new.claims)


def _claim_faults(claims: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(set(claims) & _NOT_CLAIMS):
        yield f"claims: {name} is set by the server."
    for name, value in claims.items():
        if isinstance(value, str) and (len(value) > LONGEST_CLAIM or deceives(value)):
            yield f"claims: {name[:40]!a} has at most {LONGEST_CLAIM} characters, none of them hidden."


def created(new: NewUser, password_hash: str | None, moment: Moment) -> Decision[User]:
    """Make an account of *new*, which is valid and whose names are free."""
    user = User(
        user_id=moment.identifier("user_id"),
        username=None if new.username is None else canonical(new.username),
        email=None if new.email is None else canonical(new.email),
        email_verified=new.email_verified,
        password_hash=password_hash,
        password_changed_at=None if password_hash is None else moment.now,
        password_must_change=new.password_must_change,
        claims=dict(new.claims),
        role=new.role,
        created_at=moment.now,
        updated_at=moment.now,
    )
    return Decision(user, (Replace(user),), (UserCreated(subject=user.user_id, role=user.role),))


def deactivated(user: User, settings: Settings, moment: Moment) -> Decision[User]:
    """Let nobody sign in as *user*; every session and grant ends now."""
    ends = cut_off(user, settings, moment.now, "deactivated")
    if not user.active:
        return Decision(user, (ends,))
    updated = evolve(user, active=False, updated_at=moment.now)
    event = UserChanged(subject=user.user_id, fields="active", reason="deactivated")
    return Decision(updated, (Replace(updated), ends), (event,))


def activated(user: User, moment: Moment) -> Decision[User]:
    """Let *user* sign in again; what was ended stays ended."""
    if user.active:
        return Decision(user)
    updated = evolve(user, active=True, updated_at=moment.now)
    event = UserChanged(subject=user.user_id, fields="active", reason="activated")
    return Decision(updated, (Replace(updated),), (event,))


@frozen(eq=False)
class Users:
    """Administers accounts."""

    shell: Shell
    passwords: Passwords = field(repr=False)
    origin: Origin = field(factory=Origin)

    async def create(self, new: NewUser) -> User:
        """Store a new account and return it.

        Raises:
            Invalid: With every fault at once; also for a name or address that is taken.
        """
        faults = user_faults(new, self.shell.settings)
        hashed = None if faults or new.password is None else await self.passwords.hash(new.password.reveal())

        async def attempt(moment: Moment) -> Decision[User]:
            found = (*faults, *await self._taken(new))
            if found:
                raise Invalid(found)
            return created(new, hashed, moment)

        return await self.shell.act(self.origin, attempt)

    async def set_password(self, user_id: str, password: Secret, *, must_change: bool = False) -> User:
        """Set the password and end every session and grant of the account.

        Raises:
            Invalid: With every fault of the password.
            Unknown: There is no such account.
        """
        user = await self.user(user_id)
        faults = password_faults(password, self.shell.settings, user.role, user.username, user.email)
        if faults:
            raise Invalid(faults)
        hashed = await self.passwords.hash(password.reveal())
        settings = self.shell.settings
        return await self._ended(
            user_id, lambda user, moment: with_password(user, hashed, settings, moment, must_change=must_change)
        )

    async def deactivate(self, user_id: str) -> User:
        """Let nobody sign in as this account, and end its sessions and grants. Raises `Unknown`."""
        return await self._ended(user_id, lambda user, moment: deactivated(user, self.shell.settings, moment))

    async def activate(self, user_id: str) -> User:
        """Let the account sign in again. Raises `Unknown`."""
        return await self._settled(user_id, activated)

    async def user(self, user_id: str) -> User:
        """Return the account. Raises `Unknown`."""
        user = await self.shell.storage.user(user_id)
        if user is None:
            raise Unknown(f"There is no account {user_id[:80]!a}.")
        return user

    async def find(self, identifier: str) -> User | None:
        """Return the account with this user name or e-mail address."""
        return await self.shell.storage.user_by_identifier(canonical(identifier))

    async def _settled(self, user_id: str, decide: Callable[[User, Moment], Decision[User]]) -> User:
        async def attempt(moment: Moment) -> Decision[User]:
            return decide(await self.user(user_id), moment)

        return await self.shell.act(self.origin, attempt)

    async def _ended(self, user_id: str, decide: Callable[[User, Moment], Decision[User]]) -> User:
        """Settle what ends all sessions and grants, then end them again: at a time that comes after the first commit.

        A session that was seen alive until that commit may have brought forth a grant younger than the decision.
        """
        user = await self._settled(user_id, decide)
        await self.shell.write(cut_off(user, self.shell.settings, self.shell.moment().now, "ended"))
        return user

    async def _taken(self, new: NewUser) -> list[str]:
        named = ((new.username, "user name"), (new.email, "e-mail address"))
        return [f"This {what} is taken." for name, what in named if name is not None and await self.find(name)]
