"""A host replaces single templates, builds on ours, and is told what it forgot."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from authority_core.kernel.pages import Page, SignedOutPage, SignInPage
from authority_pages import JinjaPages, check_pages, sample_view

SIGN_IN = SignInPage(action="/login", hidden=(("csrf_token", "t"),))


def test_a_template_of_the_host_wins_and_the_others_stay(tmp_path: Path) -> None:
    """One file in the folder replaces one page."""
    (tmp_path / "signed_out.html").write_text("<p>Bye from {{ view.app_name }}</p>")
    pages = JinjaPages(tmp_path)

    assert pages.render(SignedOutPage(), sample_view()) == "<p>Bye from Authority</p>"
    assert 'id="submit-login"' in pages.render(SIGN_IN, sample_view())


def test_a_template_of_the_host_may_build_on_ours(tmp_path: Path) -> None:
    """Extending `bundled/…` changes one block and keeps the rest, hidden fields included."""
    (tmp_path / "sign_in.html").write_text(
        '{% extends "bundled/sign_in.html" %}{% block card_foot %}<p>Ask the desk.</p>{% endblock %}'
    )
    html = JinjaPages(tmp_path).render(SIGN_IN, sample_view())

    assert "<p>Ask the desk.</p>" in html
    assert '<input type="hidden" name="csrf_token" value="t">' in html
    assert check_pages(JinjaPages(tmp_path)) == ()


def test_the_check_names_what_a_template_forgot(tmp_path: Path) -> None:
    """Missing fields, a wrong action and inline code are each named, with the page."""
    (tmp_path / "sign_out.html").write_text('<form method="post" action="/elsewhere"><b onclick="x">Go</b></form>')
    faults = check_pages(JinjaPages(tmp_path))

    assert faults == (
        "sign-out: inline b onclick is refused by the content security policy.",
        "sign-out: no form with method=post posts to /logout.",
        "sign-out: csrf_token=sample-csrf-token is missing.",
        "sign-out: transaction=sample-transaction is missing.",
    )


def test_values_are_escaped_in_templates_of_the_host(tmp_path: Path) -> None:
    """Autoescape holds for every file, whatever its name, and values are never templates."""
    (tmp_path / "sign_in.html").write_text("{{ page.identifier }}")
    page = SignInPage(action="/login", hidden=(), identifier="<b>{{7*7}}</b>")

    assert JinjaPages(tmp_path).render(page, sample_view()) == "&lt;b&gt;{{7*7}}&lt;/b&gt;"


def test_a_variable_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """A misspelt name never becomes an empty string."""
    (tmp_path / "signed_out.html").write_text("{{ page.sing_in_url }}")

    with pytest.raises(UndefinedError):
        JinjaPages(tmp_path).render(SignedOutPage(), sample_view())


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """A misspelt folder is an error at the start, not the bundled pages in silence."""
    with pytest.raises(NotADirectoryError):
        JinjaPages(tmp_path / "missing")


def test_a_page_without_template_is_an_error(pages: JinjaPages) -> None:
    """A page model nobody drew is not rendered as something else."""
    with pytest.raises(TemplateNotFound):
        pages.render(Page(), sample_view())
