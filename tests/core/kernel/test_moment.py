"""Time and chance come in one value."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from authority_core.kernel.moment import Moment, entropy, expired, system_moment
from authority_core.testing.moments import START, Clock


def test_labels_draw_independent_secrets():
    """Each label has its own secret of 256 bits, the same for the same moment."""
    moment = Moment(START, b"e" * 64)

    assert moment.token("a") == Moment(START, b"e" * 64).token("a")
    assert len({moment.token("a"), moment.token("b"), Moment(START, b"f" * 64).token("a")}) == 3
    assert len(moment.token("a")) == 43
    assert len(moment.identifier("a")) == 22
    assert len(moment.salt("a")) == 32
    assert moment.seconds == int(START.timestamp())


def test_a_moment_has_a_name_that_gives_no_secret_away():
    """Of two moments with one name, what else they draw is unrelated: the name is not what the secrets come from."""
    one, two = Moment(START, b"e" * 48 + b"n" * 16), Moment(START, b"f" * 48 + b"n" * 16)

    assert one.name == two.name
    assert len(one.name) == 22
    assert one.token("a") != two.token("a")
    assert one.name not in {one.identifier("a"), one.token("a")[:22]}


def test_entropy_is_not_shown():
    """The representation of a moment names the time only."""
    assert "eeee" not in repr(Moment(START, b"e" * 64))


def test_the_system_draws_anew():
    """Two moments of the system share no chance; the time is aware and in UTC."""
    one, two = system_moment(), system_moment()

    assert one.token("a") != two.token("a")
    assert one.now.tzinfo is timezone.utc
    assert len(entropy(7)) == 7


@pytest.mark.parametrize(("offset", "ended"), [(-1, False), (0, True), (1, True)])
def test_intervals_are_half_open(offset, ended):
    """At its end something has ended."""
    assert expired(START, START + timedelta(microseconds=offset)) is ended


def test_the_clock_stands_still_until_wound():
    """Time is the test's, chance is new with every draw."""
    clock = Clock()
    one, two = clock(), clock()
    clock.wind(minutes=1, seconds=30)

    assert one.now == two.now
    assert one.entropy != two.entropy
    assert clock().now - one.now == timedelta(seconds=90)
