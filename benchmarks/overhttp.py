"""Over HTTP: one worker on one core, the load from the other, every server up at once and loaded in turns.

CPU time per request is compared: the rate sinks whenever somebody else wants a core, CPU time hardly does.

The goals for Starlette are parts of one allowance. An empty endpoint and one signature may be 60 % of
`client_credentials`, so that may cost their sum over 0.6; a rotation may cost 1.1 of that and a code, with its two
signatures, 1.4: 175, 190 and 240 µs on the reference machine. They are judged against the floors measured beside them,
not against `client_credentials` itself, or making that faster would lose the others. What they cost over it is printed.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack

from attrs import evolve, frozen

from . import floor, load, scene
from .goals import Goal
from .server import Server, gunicorn, uvicorn
from .timing import microseconds, pin, take_turns

EMPTY, SIGNED, ROTATED, REDEEMED = "empty Starlette", "client_credentials", "refresh rotation", "code exchange"
FLASK_HAND, FLASK, SIGNATURE = "Flask, hand-written view", "Flask, ours", "raw ES256 signature"
LEAST, ALLOWED = "empty + signature", "(empty + signature) / 0.6"
MOST_PER_SECOND = 12_000
"""Codes a second that a server could redeem at best; so many are there for it."""


@frozen
class Case:
    """A server under a plan."""

    server: Server
    plan: load.Plan


def measure(rounds: int, seconds: int, server_core: int, load_core: int) -> list[Goal]:
    """Return the goals of rows 5, 6, 9, 10 and 12."""
    pin(server_core)
    codes = MOST_PER_SECOND * (rounds * seconds + 1)
    plan = load.Plan(scene.CLIENT_CREDENTIALS)
    with ExitStack() as stack:

        def up(command: list[str], **environment: str) -> Server:
            return stack.enter_context(Server(command, server_core, environment))

        ours = up(uvicorn("benchmarks.scene:starlette_app"), CODES="0", CHAINS=str(64 * (rounds + 1)))
        redeeming = up(uvicorn("benchmarks.scene:starlette_app"), CODES=str(codes))
        cases = {
            EMPTY: Case(up(uvicorn("benchmarks.floor:empty_starlette")), plan),
            SIGNED: Case(ours, plan),
            ROTATED: Case(ours, load.Plan(scene.REFRESH, "chain")),
            REDEEMED: Case(redeeming, load.Plan(scene.CODE, "code")),
            FLASK_HAND: Case(up(gunicorn("benchmarks.floor:hand_written_flask")), plan),
            FLASK: Case(up(gunicorn("benchmarks.scene:flask_app")), plan),
        }
        taken, rates, bad = _loaded(cases, rounds, seconds, load_core)
    return _judged(taken, rates, bad)


def _loaded(
    cases: dict[str, Case], rounds: int, seconds: int, load_core: int
) -> tuple[dict[str, list[float]], dict[str, list[float]], int]:
    taken: dict[str, list[float]] = {name: [] for name in (*cases, SIGNATURE)}
    rates: dict[str, list[float]] = {name: [] for name in cases}
    bad, first_code = 0, 0
    for number in range(rounds + 1):  # the first round warms
        for name, case in cases.items():
            first = {"code": first_code, "chain": 64 * number}.get(case.plan.kind or "", 0)
            before = case.server.cpu()
            done = load.apply(case.server.port, evolve(case.plan, first=first), seconds if number else 1, load_core)
            used = case.server.cpu() - before
            bad += done.bad
            if case.plan.kind == "code":
                first_code += done.requests + load.CONNECTIONS  # some were asked and never answered
            if number:
                taken[name].append(used / max(1, done.requests) * 1e6)
                rates[name].append(done.rate)
        if number:
            taken[SIGNATURE].append(microseconds(take_turns({SIGNATURE: floor.raw_signature}, 25)[SIGNATURE]))
    return taken, rates, bad


def _judged(taken: dict[str, list[float]], rates: dict[str, list[float]], bad: int) -> list[Goal]:
    print("\nover HTTP, server CPU µs per request, medians (min-max)")
    for name, figures in taken.items():
        rate = f"{statistics.median(rates[name]):9,.0f}/s" if name in rates else ""
        print(f"  {name:<48} {statistics.median(figures):8.1f}  ({min(figures):.1f}-{max(figures):.1f})  {rate}")

    def over(name: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(taken[name], taken[other], strict=True))

    taken[LEAST] = [a + b for a, b in zip(taken[EMPTY], taken[SIGNATURE], strict=True)]
    taken[ALLOWED] = [figure / 0.6 for figure in taken[LEAST]]
    print(f"  a rotation is {over(ROTATED, SIGNED):.2f} of client_credentials, a code {over(REDEEMED, SIGNED):.2f}")
    share = "Starlette, client_credentials, share of empty + signature"
    return [
        Goal("bad answers over HTTP", bad, 0, ""),
        Goal(share, 100 * over(LEAST, SIGNED), 60, "%", floor=True, held=54),
        Goal(f"Starlette, refresh rotation over {ALLOWED}", over(ROTATED, ALLOWED), 1.1, "x", held=1.25),
        Goal(f"Starlette, code exchange over {ALLOWED}", over(REDEEMED, ALLOWED), 1.4, "x", held=1.55),
        Goal("Flask, client_credentials over a hand-written view", over(FLASK, FLASK_HAND), 1.1, "x"),
    ]
