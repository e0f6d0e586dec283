"""Why a sign-in cannot go on: what the person is told, what the log is told, and what nobody else learns."""

from __future__ import annotations

import logging

import pytest

from authority_core.kernel.encoding import digest
from authority_core.testing.moments import START
from support.browser import answer_of, hidden_fields
from support.checks import is_page
from support.relying_party import RelyingParty
from support.server import make_server

NOT_HERE = "This sign-in did not begin in this browser, or the server no longer knows it."


@pytest.fixture
def server():
    return make_server()


def under_way(server):
    """A browser that was asked to sign in for an application, the page, and the transaction it carries."""
    browser = server.browser()
    page = browser.follow(browser.get(RelyingParty(server).url()))
    return browser, page, hidden_fields(page)["transaction"]


def case(server, why):
    """A browser and the transaction that it cannot go on with, for the reason *why*."""
    browser, page, transaction = under_way(server)
    match why:
        case "no cookie":
            return server.browser(), transaction
        case "unknown":
            return browser, "x" * 43
        case "elsewhere":
            return under_way(server)[0], transaction
        case "used":
            browser.approve(browser.follow(browser.sign_in("alice", page=page)))
        case "expired":
            server.clock.wind(minutes=30)
    return browser, transaction


@pytest.mark.parametrize("path", ["authorize", "consent"])
@pytest.mark.parametrize(
    ("why", "told", "logged"),
    [
        ("no cookie", "This browser sent no cookie: the sign-in began in another one, or cookies are blocked here.",
         "the browser sent no cookie of ours"),
        ("unknown", NOT_HERE, "nothing of that name is stored"),
        ("elsewhere", NOT_HERE, "it began in another browser"),
        ("used", "This sign-in was already completed.", "it was used already"),
        ("expired", "This sign-in took too long and has expired.", "it has expired"),
    ],
)  # fmt: skip
def test_each_reason_is_told_apart(server, caplog, path, why, told, logged):
    """The person reads what happened and what to do; the log has the reason, with the reference that the page shows."""
    browser, transaction = case(server, why)
    with caplog.at_level(logging.INFO, logger="authority"):
        page = browser.get(f"/{path}?transaction={transaction}")

    is_page(page)
    text = page.body.decode()
    assert told in text
    assert "Go back to the application and start again." in text
    (line,) = [record for record in caplog.records if "the transaction cannot go on" in record.getMessage()]
    assert logged in line.getMessage()
    assert line.request_id in line.getMessage()
    assert f"<code>{line.request_id}</code>" in text
    assert transaction not in caplog.text


@pytest.mark.parametrize("state", ["waiting", "used", "expired"])
def test_an_address_alone_tells_nothing(server, state):
    """Another browser reads the same of a sign-in that waits, was completed or has expired as of one made up."""
    mine, page, transaction = under_way(server)
    stranger, bare = under_way(server)[0], server.browser()
    if state == "used":
        mine.approve(mine.follow(mine.sign_in("alice", page=page)))
    if state == "expired":
        server.clock.wind(minutes=30)

    def told(browser, name):
        page = browser.get(f"/authorize?transaction={name}")
        return page.status, page.body.split(b"<main")[1].split(b"<code>")[0]

    assert told(stranger, transaction) == told(stranger, "x" * 43)
    assert told(bare, transaction) == told(bare, "x" * 43)


def test_the_right_browser_in_time_goes_on(server):
    """The control: to the last second."""
    browser, page, transaction = under_way(server)
    server.clock.wind(minutes=29, seconds=59)

    assert server.storage.interaction(digest("interaction", transaction)).record.created_at == START
    assert "code" in answer_of(browser.approve(browser.follow(browser.sign_in("alice", page=page))))


def test_why_another_page_was_refused_is_logged_too(server, caplog):
    """Every page that refuses shows a reference, and the log says under it why."""
    browser = server.browser()
    form = {**hidden_fields(browser.get("/signin")), "username": "alice", "password": "a secret"}
    with caplog.at_level(logging.INFO, logger="authority"):
        pages = browser.post("/signin", {**form, "csrf_token": "x"}), browser.get("/consent")

    assert [line.getMessage().split(": ", 1)[1] for line in caplog.records] == [
        "no genuine CSRF token", "missing: transaction"
    ]  # fmt: skip
    for page, line in zip(pages, caplog.records, strict=True):
        assert f"<code>{line.request_id}</code>" in page.body.decode()
    assert "a secret" not in caplog.text
