"""Any brand colour gives readable pages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authority_pages import JinjaPages
from authority_pages.colours import (
    BLACK,
    DARK_PANEL,
    LIGHT_PANEL,
    TEXT_CONTRAST,
    WHITE,
    contrast,
    parse_colour,
    shades,
    theme_css,
    write_colour,
)

channel = st.integers(0, 255)
colours = st.tuples(channel, channel, channel)


@given(colour=colours)
def test_buttons_and_links_are_readable_in_every_colour(colour: tuple[int, int, int]) -> None:
    """Text on buttons, also under the pointer, and links on both themes reach 4.5 (WCAG 2.2 §1.4.3)."""
    found = shades(colour)

    assert found.text in (BLACK, WHITE)
    assert contrast(found.text, found.primary) >= TEXT_CONTRAST
    assert contrast(found.text, found.hover) >= TEXT_CONTRAST
    assert contrast(found.link_on_light, LIGHT_PANEL) >= TEXT_CONTRAST
    assert contrast(found.link_on_dark, DARK_PANEL) >= TEXT_CONTRAST


@given(colour=colours)
def test_colours_are_read_as_they_are_written(colour: tuple[int, int, int]) -> None:
    """Writing and reading a colour gives the colour."""
    assert parse_colour(write_colour(colour)) == colour


def test_contrast_agrees_with_the_specification() -> None:
    """Black on white is 21, a colour on itself 1, and a published value in between."""
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == 1
    assert contrast(parse_colour("#767676"), WHITE) == pytest.approx(4.54, abs=0.01)


def test_a_readable_colour_is_left_alone() -> None:
    """Links keep the brand colour where it already reads well."""
    violet = parse_colour("#7c3aed")

    assert shades(violet).link_on_light == violet
    assert "--primary-color:#7c3aed" in theme_css(violet)


@pytest.mark.parametrize(
    ("theme", "surfaces"), [(":root", ("--bg-card", "--bg-primary")), (".theme-light", ("--bg-card", "--bg-secondary"))]
)
def test_text_and_field_edges_of_both_themes_stand_out(
    theme: str, surfaces: tuple[str, str], pages: JinjaPages
) -> None:
    """Text reaches 4.5 on cards and ground, the edges of fields 3 on cards (WCAG 2.2 §1.4.3, §1.4.11)."""
    asset = pages.asset("styles.css")
    assert asset is not None
    block = re.search(re.escape(theme) + r"\{(.*?)\}", asset.body.decode(), re.DOTALL)
    assert block is not None
    values = {
        name: parse_colour(value if len(value) == 7 else "#" + "".join(digit * 2 for digit in value[1:]))
        for name, value in re.findall(r"(--[a-z-]+):(#[0-9a-f]+)[;\n]", block[1])
    }

    for surface in surfaces:
        for text in ("--text-primary", "--text-secondary", "--text-quiet", "--text-error", "--text-warning"):
            assert contrast(values[text], values[surface]) >= TEXT_CONTRAST, (text, surface)
    assert contrast(values["--border-field"], values["--bg-card"]) >= 3
    assert contrast(WHITE, values["--solid"]) >= TEXT_CONTRAST
