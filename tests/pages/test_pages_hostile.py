"""Text that wants to be more than text: it is shown, never run, expanded, followed, or allowed to reorder a page."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authority_core.kernel.pages import ClientCard, ConsentPage, Hidden, Page, Person, ScopeLine, SignInPage, View
from authority_pages import JinjaPages, Sample, sample_pages, sample_view

BIDI = "\u202egnp.exe\u2066\u202c\u2069"
HOSTILE = [
    ('"><svg onload=x>', "two words"),
    ("'><script>alert(1)</script>", "two words"),
    ("{{7*7}}", "word"),
    ("{% raw %}", "two words"),
    ("</title><img src=//evil.example/x onerror=x>", "two words"),
    (BIDI, "two words"),
    ("\x00\x1b[2J\x7f", "two words"),
    ("javascript:alert(1)", "mailto:word"),
]
"""Each with a harmless twin: text that is as much, or as little, of an address."""

SAMPLES = list(sample_pages())


def poisoned(value: object, poison: str) -> object:
    """Return *value* with every text in it replaced by *poison*, at any depth."""
    if isinstance(value, str):
        return poison
    if isinstance(value, tuple):
        return tuple(poisoned(item, poison) for item in value)
    if attrs.has(type(value)):
        changed = {
            item.name: poisoned(getattr(value, item.name), poison)
            for item in attrs.fields(type(value))
            if item.name not in ("theme", "primary_color")
        }
        return attrs.evolve(value, **changed)
    return value


def shape(document) -> list[object]:
    """Return the names of a document's elements and attributes, in order."""
    return [(tag, sorted(attributes)) for tag, attributes in document.elements]


@pytest.mark.parametrize(("poison", "twin"), HOSTILE)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.label)
def test_hostile_text_stays_text(sample: Sample, poison: str, twin: str, pages: JinjaPages, read) -> None:
    """With every text of page and view hostile, the document has the elements and attributes it has with a plain word
    in its place, nothing is expanded, and no link runs code.
    """
    page, view = poisoned(sample.page, poison), poisoned(sample_view(), poison)
    assert isinstance(page, Page)
    assert isinstance(view, View)
    document = read(pages.render(page, view))
    harmless = read(pages.render(poisoned(sample.page, twin), poisoned(sample_view(), twin)))

    assert shape(document) == shape(harmless)
    assert "49" not in document.text
    for link in document.all("a"):
        assert not (link.get("href") or "").lower().startswith(("javascript:", "data:"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.label)
def test_characters_that_reorder_text_do_not_reach_the_page(sample: Sample, pages: JinjaPages) -> None:
    """Overrides, embeddings and isolates are dropped everywhere except in hidden fields, which go back unchanged."""
    clean = attrs.evolve(sample.page, hidden=()) if hasattr(sample.page, "hidden") else sample.page
    page, view = poisoned(clean, f"Name{BIDI}"), poisoned(sample_view(), f"Name{BIDI}")
    assert isinstance(page, Page)
    assert isinstance(view, View)
    html = pages.render(page, view)

    assert not set(html) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert "Namegnp.exe" in html


def test_marks_and_joiners_that_scripts_need_stay(pages: JinjaPages) -> None:
    """Persian joiners, Hebrew marks and composed emoji are shown as they were written."""
    name = "می\u200cخواهم \u200fשלום 👩\u200d💻"
    page = ConsentPage(
        action="/c", hidden=(), client=ClientCard(client_id="c", name=name), person=Person(display_name=name), scopes=()
    )

    assert name in pages.render(page, sample_view())


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hidden=st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), st.text(max_size=40)), max_size=4
    )
)
def test_hidden_fields_come_back_as_they_were(hidden: list[tuple[str, str]], pages: JinjaPages, read) -> None:
    """Whatever the server hides in a form, the browser's parser reads the same pairs."""
    pairs: Hidden = tuple((name, "".join(c for c in value if c.isprintable())) for name, value in hidden)
    document = read(pages.render(SignInPage(action="/login", hidden=pairs), sample_view()))

    assert tuple((f["name"], f["value"]) for f in document.all("input") if f["type"] == "hidden") == pairs


def test_hidden_fields_keep_even_what_is_dropped_elsewhere(pages: JinjaPages) -> None:
    """A hidden value with bidirectional controls goes back unchanged, or the server could not recognise it."""
    html = pages.render(SignInPage(action="/login", hidden=(("state", BIDI),), identifier=BIDI), sample_view())

    assert html.count(BIDI) == 1
    assert f'name="state" value="{BIDI}"' in html


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://cdn.example.com/logo.png", True),
        ("http://cdn.example.com/logo.png", False),
        ("//cdn.example.com/logo.png", False),
        ("data:image/svg+xml,<svg/>", False),
        ("javascript:alert(1)", False),
        ("https://user:pw@cdn.example.com/logo.png", False),
        ("https://cdn.example.com/lo go.png", False),
        ("https:\\\\cdn.example.com/x", False),
    ],
)
def test_only_https_addresses_of_clients_are_used(url: str, shown: bool, pages: JinjaPages, read) -> None:
    """A client's logo and links count only as absolute https addresses; otherwise a letter stands for the client."""
    client = ClientCard(client_id="c", name="Zed", logo_uri=url, client_uri=url, policy_uri=url, tos_uri=url)
    page = ConsentPage(
        action="/c",
        hidden=(),
        client=client,
        person=Person(display_name="Ada"),
        scopes=(ScopeLine(name="openid", display_name="Sign in", description=""),),
    )
    html = pages.render(page, sample_view())

    assert (url in html) is shown
    assert [image["src"] for image in read(html).all("img") if image.get("referrerpolicy")] == ([url] if shown else [])
    assert len([link for link in read(html).all("a") if link.get("target")]) == (3 if shown else 0)
