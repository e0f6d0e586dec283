"""Choosing a new password, where the one that signed in must be changed: until it is, there is no session.

The page asks for no present password, for the sign-in before it proved that; so it tells nobody anything who did not
know it.
"""

from __future__ import annotations

from attrs import evolve, field, frozen

from ..kernel.browser import FIELD, Browsers
from ..kernel.changes import Decision
from ..kernel.events import PasswordChanged
from ..kernel.identity import person
from ..kernel.moment import Moment
from ..kernel.pages import PasswordChangePage
from ..kernel.passwords import Passwords, password_faults
from ..kernel.records import User
from ..kernel.requests import HttpRequest, parse_body, parse_query
from ..kernel.responses import HttpResponse, redirect
from ..kernel.shell import CROWD, origin_of
from ..kernel.show import Screen
from ..kernel.users import with_password
from ..kernel.values import Secret
from . import pending
from .paths import PASSWORD_CHANGE
from .pending import Pending
from .sessions import Sessions
from .sign_in_form import SignInForm, Waiting

OVER = (
    "Choosing a new password works once, for ten minutes after signing in, and in the same browser. "
    "Please sign in again."
)
DIFFER = "The two passwords differ."
SAME = "Choose a password that differs from your present one."


@frozen(eq=False)
class PasswordChangeEndpoint:
    """`GET` and `POST /password/change`."""

    sessions: Sessions
    passwords: Passwords
    screen: Screen
    browsers: Browsers = field(repr=False)
    form: SignInForm

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Ask for a new password, or set it and sign the person in; without a pending sign-in, ask for one."""
        if request.method == "POST":
            return await self._judge(request)
        query = parse_query(request)
        ticket, waiting = query.get("ticket"), await self.form.waiting(request, query.get("transaction"))
        found = await self._pending(request, ticket)
        if found is not None and ticket is not None:
            return await self._ask(request, found, ticket, waiting)
        if await self.sessions.current(request) is not None:
            return redirect(self.form.onward(waiting), after_post=False)
        return await self._over(request, waiting)

    async def _judge(self, request: HttpRequest) -> HttpResponse:
        form = parse_body(request)
        form.refuse_repeats()
        ticket = form.get("ticket") or ""
        self.browsers.check_form(request, form, ticket)
        waiting = await self.form.waiting(request, form.get("transaction"))
        found = await self._pending(request, ticket)
        if found is None:
            return await self._over(request, waiting)
        chosen = Secret(form.get("new_password") or "")
        faults = await self._faults(chosen, form.get("confirm_new_password") or "", found.user)
        if faults:
            return await self._ask(request, found, ticket, waiting, tuple(faults))
        hashed = await self.passwords.hash(chosen.reveal())
        return await self._change(request, ticket, hashed, waiting) or await self._over(request, waiting)

    async def _faults(self, chosen: Secret, repeated: str, user: User) -> list[str]:
        faults = self._policy(chosen, user)
        if chosen.reveal() != repeated:
            faults.append(DIFFER)
        if not faults and await self.passwords.verify(chosen.reveal(), user.password_hash):
            faults.append(SAME)
        return faults

    def _policy(self, chosen: Secret, user: User) -> list[str]:
        return password_faults(chosen, self.sessions.shell.settings, user.role, user.username, user.email)

    async def _change(
        self, request: HttpRequest, ticket: str, hashed: str, waiting: Waiting | None
    ) -> HttpResponse | None:
        """Set the password and open the session, in one commit; `None` when somebody or something was first."""
        settings = self.sessions.shell.settings

        async def attempt(moment: Moment) -> Decision[HttpResponse | None]:
            found = await self._pending(request, ticket, moment)
            if found is None:
                return Decision(None)
            signed_in = evolve(found.user, last_login_at=moment.now)
            changed = with_password(signed_in, hashed, settings, moment, must_change=False, spare_new=True)
            new = await self.sessions.begin(changed.answer, request, moment, remember=found.remember)
            event = PasswordChanged(subject=found.user.user_id, session_id=new.session.session_id)
            return Decision(
                redirect(self.form.onward(waiting), after_post=True, headers=new.cookies),
                (found.spent(moment.now), *changed.changes, *new.changes),
                (event, *new.events),
            )

        return await self.sessions.shell.act(origin_of(request), attempt, CROWD)

    async def _pending(self, request: HttpRequest, ticket: str | None, moment: Moment | None = None) -> Pending | None:
        if ticket is None:
            return None
        shell = self.sessions.shell
        now = (moment or shell.moment()).now
        return await pending.find(shell.storage, ticket, self.browsers.key_of(request), now)

    async def _ask(
        self, request: HttpRequest, found: Pending, ticket: str, waiting: Waiting | None, faults: tuple[str, ...] = ()
    ) -> HttpResponse:
        moment = self.sessions.shell.moment()
        secret, cookies = self.browsers.greet(request, moment)
        hidden = [(FIELD, self.browsers.csrf_token(secret, ticket, moment)), ("ticket", ticket)]
        if waiting is not None:
            hidden.append(("transaction", waiting.transaction))
        page = PasswordChangePage(
            action=self.sessions.shell.settings.issuer + PASSWORD_CHANGE,
            hidden=tuple(hidden),
            person=person(found.user),
            client=await self.form.client(waiting),
            rules=tuple(self._policy(Secret(""), found.user)),  # what an empty password lacks
            faults=faults,
        )
        status = 400 if faults else 200
        return self.screen.show(request, page, status=status, headers=cookies, form_leaves=True)

    async def _over(self, request: HttpRequest, waiting: Waiting | None) -> HttpResponse:
        return await self.form.show(request, waiting, notice=OVER, status=400)
