"""Static files: found by whole name only, named by content, coloured by name."""

from __future__ import annotations

import hashlib
import re

import attrs
import pytest

from authority_pages import JinjaPages, sample_pages, sample_view

PAGE = next(iter(sample_pages())).page


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../renderer.py",
        "../../authority_core/kernel/pages.py",
        "..%2frenderer.py",
        "/styles.css",
        "./styles.css",
        "styles.css/",
        "styles.css\x00",
        "STYLES.CSS",
        "templates/layout.html",
        "/etc/passwd",
        "C:\\windows\\win.ini",
        "theme.7c3aed.0000000000.css",
        "theme.zzzzzz.0000000000.css",
        "theme.7c3aed.0000000000.svg",
    ],
)
def test_only_exact_names_are_found(path: str, pages: JinjaPages) -> None:
    """Nothing that is not the name of a file is answered, whatever it resembles; the plain name is."""
    assert pages.asset(path) is None
    assert pages.asset("styles.css") is not None


def test_names_in_pages_change_with_the_content(pages: JinjaPages) -> None:
    """A file linked from a page carries the digest of its bytes and may be kept for ever; its plain name may not."""
    html = pages.render(PAGE, sample_view())
    names = re.findall(r'"/static/([^"]+)"', html)

    assert len(names) >= 4
    for name in names:
        asset = pages.asset(name)
        assert asset is not None
        assert asset.immutable
        assert hashlib.sha256(asset.body).hexdigest()[:10] == name.split(".")[-2]
    plain = pages.asset("app.js")
    assert plain is not None
    assert not plain.immutable
    assert plain.content_type == "text/javascript; charset=utf-8"


def test_addresses_follow_the_mount(pages: JinjaPages) -> None:
    """Under a prefix, every file is asked for under that prefix."""
    html = pages.render(PAGE, attrs.evolve(sample_view(), base_path="/idp"))

    assert '"/static/' not in html
    assert '"/idp/static/styles.' in html


def test_another_worker_answers_for_a_colour_it_never_rendered() -> None:
    """The colour travels in the file's name, so the answer does not depend on what was rendered before or where."""
    html = JinjaPages().render(PAGE, sample_view(primary_color="#FACC15"))
    (name,) = re.findall(r'"/static/(theme\.facc15\.[0-9a-f]{10}\.css)"', html)
    asset = JinjaPages().asset(name)

    assert asset is not None
    assert b"--primary-color:#facc15" in asset.body
    assert b"--primary-text:#000000" in asset.body


def test_a_colour_of_another_shape_is_refused(pages: JinjaPages) -> None:
    """Nothing but six hexadecimal digits can reach a style sheet or a file name."""
    for colour in ("red", "#fff", "#7c3aed;}", "#7c3aeg", "", "#７c3aed"):
        with pytest.raises(ValueError, match="six hexadecimal digits"):
            pages.render(PAGE, sample_view(primary_color=colour))


def test_style_sheets_load_nothing_else(pages: JinjaPages) -> None:
    """No import and no address in any style sheet."""
    asset = pages.asset("styles.css")

    assert asset is not None
    assert b"url(" not in asset.body
    assert b"@import" not in asset.body
