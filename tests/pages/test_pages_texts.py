"""Small conversions for people."""

from __future__ import annotations

import pytest

from authority_pages.texts import day, day_and_time, direction, host_url, image_url, initial, tone


@pytest.mark.parametrize(
    ("value", "shown"),
    [("2026-03-12", "12 March 2026"), ("2026-03-12T23:30:00-02:00", "13 March 2026"), ("yesterday", "yesterday")],
)
def test_days_are_written_out(value: str, shown: str) -> None:
    """Dates are shown in UTC without ambiguity of day and month; what is no date is left alone."""
    assert day(value) == shown


def test_times_name_their_zone() -> None:
    """A time is shown in UTC and says so."""
    assert day_and_time("2026-03-12T10:30:00+01:00") == "12 March 2026, 09:30 UTC"


@pytest.mark.parametrize(("name", "letter"), [("ada", "A"), ("  «Notes»", "N"), ("", "•"), ("ß", "S"), ("שלום", "ש")])
def test_an_initial_stands_for_a_name(name: str, letter: str) -> None:
    """The first letter or digit, in upper case."""
    assert initial(name) == letter


def test_a_tone_is_always_the_same() -> None:
    """One client keeps its colour in every process; there are six."""
    assert tone("acme-notes") == tone("acme-notes")
    assert {tone(str(number)) for number in range(100)} == set(range(6))


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("/login?next=1", True),
        ("https://example.com/help", True),
        ("http://localhost:4000/", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https:", False),
        ("https://[", False),
        ("", False),
        (None, False),
    ],
)
def test_links_of_the_host_are_paths_or_web_addresses(url: str | None, kept: bool) -> None:
    """Other schemes are not linked."""
    assert host_url(url) == (url if kept else None)


@pytest.mark.parametrize(
    ("url", "kept"), [("/logo.svg", True), ("https://x.example/l.svg", True), ("//x.example/l.svg", False)]
)
def test_logos_of_the_host_are_paths_or_https(url: str, kept: bool) -> None:
    """A logo on another host must say https."""
    assert image_url(url) == (url if kept else None)


@pytest.mark.parametrize(("locale", "written"), [("en", "ltr"), ("he", "rtl"), ("fa_IR", "rtl"), ("AR", "rtl")])
def test_direction_follows_the_language(locale: str, written: str) -> None:
    """Only the language decides."""
    assert direction(locale) == written
