"""Every page in every state: complete, within the content security policy, usable by everyone, light."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from attrs import evolve

from authority_core.kernel import pages as models
from authority_core.kernel.pages import ConsentPage, Page, PasswordChangePage, SignInPage, SignOutPage
from authority_pages import JinjaPages, Sample, check_pages, sample_pages, sample_view

SAMPLES = list(sample_pages())

every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.label)
forms = pytest.mark.parametrize(
    "sample",
    [
        sample
        for sample in SAMPLES
        if isinstance(sample.page, (SignInPage, PasswordChangePage, ConsentPage, SignOutPage))
    ],
    ids=lambda sample: sample.label,
)


def test_samples_show_every_page_of_the_kernel() -> None:
    """No page model is without a sample, and labels are unique."""
    known = {model for model in vars(models).values() if isinstance(model, type) and issubclass(model, Page)} - {Page}

    assert {type(sample.page) for sample in SAMPLES} == known
    assert len({sample.label for sample in SAMPLES}) == len(SAMPLES)


@every_sample
@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_every_sample_renders(sample: Sample, theme: str, pages: JinjaPages, read) -> None:
    """A page is a whole document with language, direction, theme, title, one heading and one main part."""
    html = pages.render(sample.page, sample_view(theme))
    document = read(html)

    assert html.lstrip().startswith("<!doctype html>")
    assert document.all("html") == [{"lang": "en", "dir": "ltr", "class": f"theme-{theme}"}]
    assert len(document.all("h1")) == len(document.all("main")) == len(document.all("title")) == 1
    assert "None" not in document.text


def test_right_to_left_languages_turn_the_page(pages: JinjaPages, read) -> None:
    """An Arabic locale is written from right to left; regions do not matter."""
    html = pages.render(SAMPLES[0].page, sample_view(locale="ar-EG"))

    assert read(html).all("html")[0]["dir"] == "rtl"


@every_sample
def test_nothing_is_inline_and_nothing_comes_from_another_host(sample: Sample, pages: JinjaPages, read) -> None:
    """No inline style, script or handler, and every file that is loaded is an asset of ours."""
    document = read(pages.render(sample.page, sample_view()))

    assert document.all("style", "base", "iframe", "object", "embed") == []
    for tag, attributes in document.elements:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "script":
            assert attributes.get("src")
        loaded = attributes.get("href") if tag == "link" else attributes.get("src")
        if loaded is not None:
            assert loaded.startswith("/static/")
            assert pages.asset(loaded.removeprefix("/static/")) is not None


@every_sample
def test_links_to_clients_cannot_reach_back(sample: Sample, pages: JinjaPages, read) -> None:
    """Whatever opens in a new tab gets neither the opener nor the referrer."""
    for link in read(pages.render(sample.page, sample_view())).all("a"):
        if link.get("target") == "_blank":
            assert link["rel"] == "noopener noreferrer"
            assert urlsplit(link["href"]).scheme == "https"


@forms
def test_forms_post_where_they_should_with_every_hidden_field(sample: Sample, pages: JinjaPages, read) -> None:
    """The form's action and all hidden pairs arrive in the document, in order."""
    document = read(pages.render(sample.page, sample_view()))
    hidden = [(field["name"], field["value"]) for field in document.all("input") if field["type"] == "hidden"]

    assert [(form["method"], form["action"]) for form in document.all("form")] == [("post", sample.page.action)]
    assert hidden == list(sample.page.hidden)


@every_sample
def test_every_input_has_a_label(sample: Sample, pages: JinjaPages, read) -> None:
    """A field is named by a label that points to it or surrounds it; buttons without text have a name."""
    html = pages.render(sample.page, sample_view())
    document = read(html)
    labelled = {label["for"] for label in document.all("label") if "for" in label}

    for field in document.all("input"):
        if field["type"] not in ("hidden", "checkbox"):
            assert field["id"] in labelled
        if field["type"] == "checkbox":
            assert '<label class="tick"><input type="checkbox"' in html
    for button in document.all("button"):
        assert button["type"] == "submit" or button["aria-label"]


@every_sample
def test_a_page_with_its_style_sheets_weighs_less_than_30_kilobytes(sample: Sample, pages: JinjaPages, read) -> None:
    """HTML and style sheets together, uncompressed."""
    html = pages.render(sample.page, sample_view())
    sheets = [link["href"] for link in read(html).all("link") if link["rel"] == "stylesheet"]
    weight = len(html.encode()) + sum(len(pages.asset(sheet.removeprefix("/static/")).body) for sheet in sheets)

    assert len(sheets) == 2
    assert weight < 30_000


def test_sign_in_fields_help_password_managers(pages: JinjaPages, read) -> None:
    """Names, types and autocomplete are those that browsers, password managers and the server know."""
    page = SignInPage(action="/login", hidden=(), identifier="ada")
    document = read(pages.render(page, sample_view()))

    username, password = document.by_id("username"), document.by_id("password")
    assert (username["name"], username["type"], username["autocomplete"]) == ("username", "text", "username")
    assert (username["value"], username["autocapitalize"], username["spellcheck"]) == ("ada", "none", "false")
    assert (password["name"], password["type"], password["autocomplete"]) == (
        "password",
        "password",
        "current-password",
    )
    assert "value" not in password
    assert document.by_id("submit-login")["type"] == "submit"
    assert {"type": "checkbox", "name": "remember", "value": "on"} in document.all("input")


def test_remember_is_offered_only_when_the_server_offers_it(pages: JinjaPages, read) -> None:
    """Without the offer there is no box to tick."""
    page = SignInPage(action="/login", hidden=(), remember_offered=False)

    assert not [box for box in read(pages.render(page, sample_view())).all("input") if box["name"] == "remember"]


def test_a_sign_in_error_is_announced_and_tied_to_the_fields(pages: JinjaPages, read) -> None:
    """The sentence is an alert, both fields point to it, and the title says so; without error there is none of it."""
    wrong = read(pages.render(SignInPage(action="/login", hidden=(), error="Not right."), sample_view()))
    fresh = read(pages.render(SignInPage(action="/login", hidden=()), sample_view()))

    alert = wrong.by_id("form-error")
    assert alert["role"] == "alert"
    assert wrong.by_id("username")["aria-describedby"] == wrong.by_id("password")["aria-describedby"] == "form-error"
    assert "Not right." in wrong.text
    assert "Error: Sign in" in wrong.text
    assert not [element for _, element in fresh.elements if element.get("role") == "alert"]
    assert "aria-invalid" not in fresh.by_id("username")


def test_a_new_password_is_asked_for_twice_and_offered_to_password_managers(pages: JinjaPages, read) -> None:
    """Both fields are new passwords, empty, the first has the focus; whose it is stands beside them for the manager."""
    (sample,) = [sample for sample in SAMPLES if sample.label == "password-change-client"]
    document = read(pages.render(sample.page, sample_view()))

    for name in ("new_password", "confirm_new_password"):
        field = document.by_id(name)
        assert (field["name"], field["type"], field["autocomplete"]) == (name, "password", "new-password")
        assert "value" not in field
        assert "aria-invalid" not in field
        assert ("autofocus" in field) is (name == "new_password")
    assert document.by_id("new_password")["aria-describedby"] == "rules"
    assert (document.by_id("username")["value"], document.by_id("username")["autocomplete"]) == ("ada", "username")
    for text in ("Ada Lovelace", "Acme Notes", *sample.page.rules):
        assert text in document.text
    assert not [element for _, element in document.elements if element.get("role") == "alert"]


def test_each_rule_of_a_password_is_a_line_of_its_own(pages: JinjaPages) -> None:
    """What it needs is a list that the field points to, not a sentence to be taken apart."""
    (sample,) = [sample for sample in SAMPLES if sample.label == "password-change"]
    html = pages.render(sample.page, sample_view())
    rules = html.split('<ul class="rules" id="rules">')[1].split("</ul>")[0]

    assert rules.count("<li>") == len(sample.page.rules)
    assert "<li>Add a digit.</li>" in rules


@pytest.mark.parametrize(("name", "small"), [("Acme Notes", False), ("The Association of Long Names " * 3, True)])
def test_a_long_name_is_asked_about_in_smaller_letters(name: str, small: bool, pages: JinjaPages) -> None:
    """A heading of a hundred letters does not push the question off the screen."""
    (sample,) = [sample for sample in SAMPLES if sample.label == "consent"]
    client = evolve(sample.page.client, name=name)
    html = pages.render(evolve(sample.page, client=client), sample_view())

    assert ('<h1 class="long">' in html) is small


def test_faults_of_a_new_password_are_announced_and_tied_to_the_fields(pages: JinjaPages, read) -> None:
    """Every sentence is in the alert, both fields point to it, and the title says so."""
    (sample,) = [sample for sample in SAMPLES if sample.label == "password-change-errors"]
    document = read(pages.render(sample.page, sample_view()))

    assert document.by_id("form-error")["role"] == "alert"
    assert document.by_id("new_password")["aria-describedby"] == "form-error rules"
    assert document.by_id("confirm_new_password")["aria-describedby"] == "form-error"
    assert document.by_id("new_password")["aria-invalid"] == document.by_id("confirm_new_password")["aria-invalid"]
    assert "Error: Choose a new password" in document.text
    for fault in sample.page.faults:
        assert fault in document.text


def test_consent_offers_both_answers_alike(pages: JinjaPages, read) -> None:
    """Approve and deny are buttons of one kind and one size, both filled."""
    (sample,) = [sample for sample in SAMPLES if sample.label == "consent-extended"]
    document = read(pages.render(sample.page, sample_view()))
    approve, deny = document.by_id("approve"), document.by_id("deny")

    assert (approve["name"], approve["value"]) == ("consent_action", "approve")
    assert (deny["name"], deny["value"]) == ("consent_action", "deny")
    assert deny["class"] == f"{approve['class']} solid"
    assert document.text.count("New") == 2
    for text in ("Acme Notes", "notes.example.com", "Stay connected", "Keep this access", "Ada Lovelace"):
        assert text in document.text


@pytest.mark.parametrize(("label", "warned"), [("consent-unverified", True), ("consent", False)])
def test_unverified_clients_are_named_as_such(label: str, warned: bool, pages: JinjaPages, read) -> None:
    """Who registered itself is announced with a warning; who was verified is not."""
    (sample,) = [sample for sample in SAMPLES if sample.label == label]

    assert ("Unverified application." in read(pages.render(sample.page, sample_view())).text) is warned


def test_the_error_page_gives_a_number_to_quote(pages: JinjaPages, read) -> None:
    """Status, title, detail, advice and the request's identifier are all there."""
    (sample,) = [sample for sample in SAMPLES if sample.label == "error"]
    text = read(pages.render(sample.page, sample_view())).text

    for part in ("400", sample.page.title, sample.page.detail, sample.page.advice, sample.page.request_id):
        assert part in text


def test_the_bundled_templates_pass_their_own_check(pages: JinjaPages) -> None:
    """What hosts run against their templates finds nothing wrong with ours."""
    assert check_pages(pages) == ()
