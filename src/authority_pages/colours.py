"""One brand colour in, every shade the pages need out, each readable where it is used.

Contrast follows WCAG 2.2 §1.4.3 (text) and §1.4.11 (edges). This module knows nothing of pages or files; everything
here is a pure function of the colour, so any worker can answer for a page that another worker rendered.
"""

from __future__ import annotations

import re

from attrs import frozen

Rgb = tuple[int, int, int]

WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (0, 0, 0)
LIGHT_PANEL: Rgb = (248, 250, 252)
"""The lightest-theme surface with the least contrast to coloured text."""
DARK_PANEL: Rgb = (39, 52, 73)
"""The dark-theme surface with the least contrast to coloured text."""
TEXT_CONTRAST = 4.5

_SHAPE = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)


def parse_colour(text: str) -> Rgb:
    """Return the three channels of *text*, such as `#7c3aed`; raises `ValueError` for any other shape."""
    if not _SHAPE.fullmatch(text):
        raise ValueError("A colour must be six hexadecimal digits after #, such as #7c3aed.")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def write_colour(colour: Rgb) -> str:
    """Return *colour* as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def luminance(colour: Rgb) -> float:
    """Return the relative luminance of *colour*, 0 to 1 (WCAG 2.2, definition of relative luminance)."""

    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = colour
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mix(colour: Rgb, towards: Rgb, share: float) -> Rgb:
    """Return *colour* moved towards another by *share*, 0 to 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, towards, strict=True))
    return red, green, blue


def text_on(colour: Rgb) -> Rgb:
    """Return black or white, whichever reads better on *colour*; the better one always reaches 4.5."""
    return WHITE if contrast(WHITE, colour) >= TEXT_CONTRAST else BLACK


def readable(colour: Rgb, surface: Rgb) -> Rgb:
    """Return *colour*, moved towards black or white only as far as text on *surface* needs."""
    towards = text_on(surface)
    for step in range(25):
        shade = mix(colour, towards, step / 25)
        if contrast(shade, surface) >= TEXT_CONTRAST:
            return shade
    return towards


@frozen(kw_only=True)
class Shades:
    """What the style sheet needs to know of the brand colour."""

    primary: Rgb
    text: Rgb
    """On buttons."""
    hover: Rgb
    light: Rgb
    """For highlights."""
    link_on_light: Rgb
    link_on_dark: Rgb


def shades(primary: Rgb) -> Shades:
    """Return the shades of *primary*: hover is 10 % darker, or lighter where darker would cost readability."""
    text = text_on(primary)
    darker = mix(primary, BLACK, 0.1)
    return Shades(
        primary=primary,
        text=text,
        hover=darker if contrast(text, darker) >= TEXT_CONTRAST else mix(primary, WHITE, 0.15),
        light=mix(primary, WHITE, 0.35),
        link_on_light=readable(primary, LIGHT_PANEL),
        link_on_dark=readable(primary, DARK_PANEL),
    )


def theme_css(primary: Rgb) -> str:
    """Return the style sheet that carries the brand colour, so that no page needs an inline style."""
    found = shades(primary)
    variables = {
        "--primary-color": write_colour(found.primary),
        "--primary-hover": write_colour(found.hover),
        "--primary-light": write_colour(found.light),
        "--primary-text": write_colour(found.text),
        "--primary-rgb": " ".join(str(channel) for channel in found.primary),
        "--link-on-light": write_colour(found.link_on_light),
        "--link-on-dark": write_colour(found.link_on_dark),
    }
    return ":root{" + ";".join(f"{name}:{value}" for name, value in variables.items()) + "}\n"
