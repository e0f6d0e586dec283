"""Threads that change places within a storage's own code, where two statements do not belong together by themselves.

It knows frames and threads, and nothing of storage but the packages that it is written in.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, TypeVar

from ...kernel.abilities import misses

V = TypeVar("V")
Tracer = Callable[[FrameType, str, object], Any]
STEPPING = 4
"""How many of the contenders go step by step where it is asked for."""
PATIENCE = 120.0
"""Seconds after which contenders that hang fail the test."""
_PAUSE = 1e-6
"""Seconds of the shortest wait, in which another thread wakes."""
_ALONE = 4
"""How many steps a contender takes for each pause where it is the only one that is not waiting."""
_TURN = 0.001
"""Seconds of one look at those who take no step: a machine that stands still for longer counts once, not for many."""
_LOOKS = 8
"""Looks after which a contender that takes no step is taken to wait for another, as for a lock."""
_LOOKS_AT_VISITORS = 20
"""Looks after which a visitor who is not back is taken to wait for whom he visits."""
_ARRIVAL = 0.25
"""Seconds in which the worker threads of asynchronous storage come together, if there are as many."""
_UNTRACED: Tracer | None = (lambda *_: None) if sys.version_info[:2] == (3, 12) else None
"""What traces nothing. Python 3.12 may crash when the last tracer goes while other threads are in the same code."""


def packages(storage: object) -> frozenset[str]:
    """Return the packages of *storage* and of any storage within it; races within its libraries are not its own."""
    found: list[object] = []
    left = [storage]
    while left:
        one = left.pop()
        if not any(one is other for other in found):
            found.append(one)
            left += [part for part in getattr(one, "__dict__", {}).values() if not misses(part, accounts=False)]
    return frozenset(kind.__module__.partition(".")[0] for one in found for kind in type(one).__mro__)


def _is_of(frame: FrameType, own: frozenset[str]) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in own


@contextmanager
def _tracing(tracer: Tracer) -> Iterator[None]:
    """Trace this thread meanwhile; its tracer, of a debugger or coverage, is away."""
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        yield
    finally:
        sys.settrace(before or _UNTRACED)


class Company:
    """Threads that keep step through *own* packages: before each that is new to it, every one waits for all the others.

    A step is an instruction of the interpreter, for an increment may be lost within a line; or one of the *lines*, of
    which there are fewer. Who takes none for a while, such as one that waits for a lock, is left behind, and keeps step
    again with whomever it finds at its next one.
    """

    def __init__(self, size: int, own: frozenset[str], *, lines: bool = False, arrival: float | None = None) -> None:
        self.size = size
        self._lines = lines
        self._own = own
        self._arrival = PATIENCE if arrival is None else arrival
        self._moved = threading.Condition()
        self._steps: list[float] = [0] * size  # of those that are waited for; others have taken infinitely many
        self._free = list(range(size))
        self._workers: dict[int, Tracer] = {}
        self._complete = False

    @contextmanager
    def stepping(self, at: int) -> Iterator[None]:
        """Keep step meanwhile, in this thread and as number *at*."""
        try:
            with _tracing(self._tracer(at)):
                yield
        finally:
            self._leave(at)

    def enter(self, frame: FrameType, event: str, argument: object) -> Any:
        """Trace a thread that comes and goes: it keeps step from its first frame of the storage until that is left."""
        thread = threading.get_ident()
        if thread in self._workers:
            return self._workers[thread](frame, event, argument)
        with self._moved:
            if not self._free:
                return None
            at = self._free.pop()
        entered = self._workers[thread] = self._tracer(at)
        step = entered(frame, event, argument)

        def outermost(frame: FrameType, event: str, argument: object) -> Any:
            step(frame, event, argument)
            if event == "return":
                del self._workers[thread]
                self._leave(at)
                self._free.append(at)
            return outermost

        return self._traced(frame, outermost)

    def _tracer(self, at: int) -> Tracer:
        known = set[tuple[int, int]]()

        def entered(frame: FrameType, event: str, argument: object) -> Any:
            return self._traced(frame, step) if _is_of(frame, self._own) else None

        def step(frame: FrameType, event: str, argument: object) -> Any:
            place = id(frame.f_code), frame.f_lasti
            if place not in known:
                self._wait(at)
                known.add(place)
            return step

        return entered

    def _traced(self, frame: FrameType, tracer: Tracer) -> Tracer:
        """Let *tracer* hear of every step of *frame*; since Python 3.13 it must be there before instructions are."""
        frame.f_trace = tracer
        frame.f_trace_opcodes = not self._lines
        return tracer

    def _wait(self, at: int) -> None:
        with self._moved:
            there = [steps for steps in self._steps if steps < math.inf]
            mine = self._steps[at] = self._steps[at] + 1 if self._steps[at] < math.inf else max(there, default=0)
            self._moved.notify_all()
            turn, looks = (_TURN, _LOOKS) if self._complete else (self._arrival, 1)
            if not any(self._moved.wait_for(lambda: min(self._steps) >= mine, turn) for _ in range(looks)):
                self._steps = [math.inf if steps < mine else steps for steps in self._steps]
            self._complete = True
            if there == [mine - 1] and not mine % _ALONE:
                self._moved.wait(_PAUSE)  # what the others wait for may have come

    def _leave(self, at: int) -> None:
        with self._moved:
            self._steps[at] = math.inf
            self._moved.notify_all()


class Visits:
    """What others do before each line of a storage's code, one at a time, as long as there is any left."""

    def __init__(self, visits: Sequence[V], begin: Callable[[V], Future[object]]) -> None:
        self._left = iter(visits)
        self._begin = begin
        self._host: int | None = None
        self._locked = set[tuple[CodeType, int]]()  # lines where a visitor waits for whom he visits
        self.made: list[Future[object]] = []

    def enter(self, frame: FrameType, event: str, argument: object) -> Any:
        """Trace a thread that comes and goes, but none that comes while another is at work: it is the visitor's."""
        thread = threading.get_ident()
        if self._host is None and self._nobody_there():
            self._host = thread
            return self._outermost
        return self._line if self._host == thread else None

    def _outermost(self, frame: FrameType, event: str, argument: object) -> Any:
        self._line(frame, event, argument)
        if event == "return":
            self._host = None
        return self._outermost

    @contextmanager
    def received(self, own: frozenset[str]) -> Iterator[None]:
        """Receive them meanwhile, in this thread and in the packages that are its *own*."""
        with _tracing(lambda frame, event, argument: self._line if _is_of(frame, own) else None):
            yield

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        place = frame.f_code, frame.f_lineno
        if event == "line" and place not in self._locked and self._nobody_there():
            for visit in self._left:
                self.made.append(self._begin(visit))
                if not any(wait(self.made[-1:], _TURN).done for _ in range(_LOOKS_AT_VISITORS)):
                    self._locked.add(place)
                break
        return self._line

    def _nobody_there(self) -> bool:
        return not self.made or self.made[-1].done()


class Workers:
    """The threads in which asynchronous storage blocks: all that start while it is on stage, so that they can step."""

    def __init__(self) -> None:
        self.own: frozenset[str] = frozenset()
        self.seen = False
        """Whether the storage's own code has run in one of them."""
        self._tracer: Tracer | None = None

    @contextmanager
    def engaged(self) -> Iterator[None]:
        """Look after every thread that starts meanwhile; a debugger's or coverage's tracer does not come to it."""
        before = threading.gettrace()
        threading.settrace(self._entered)
        try:
            yield
        finally:
            threading.settrace(before)

    def company(self, size: int, *, lines: bool = False) -> None:
        """Let *size* of them keep step from now on."""
        self._tracer = Company(size, self.own, lines=lines, arrival=_ARRIVAL).enter

    def visited(self, visits: Visits) -> None:
        """Let the one that works next be visited."""
        self._tracer = visits.enter

    def alone(self) -> None:
        """Leave alone whoever comes from now on."""
        self._tracer = None

    def _entered(self, frame: FrameType, event: str, argument: object) -> Any:
        if not _is_of(frame, self.own):
            return None
        self.seen = True
        tracer = self._tracer
        return None if tracer is None else tracer(frame, event, argument)
