"""Forms and cookies are read once, strictly, and repeated names are seen."""

from __future__ import annotations

import pytest

from authority_core import HttpRequest, Problem
from authority_core.kernel.requests import FORM_TYPE, cookie, parse_body, parse_form, parse_query


def request(**values: object) -> HttpRequest:
    headers = values.pop("headers", {})
    return HttpRequest(method="POST", path="/", headers=headers, **values)  # type: ignore[arg-type]  # as tests like


def test_forms_keep_order_and_decode():
    """Plus is a blank, escapes are UTF-8, empty parts are nothing."""
    form = parse_form(b"a=1&&b=x+y%20z&%C3%A9=%C3%BC&c=&d")

    assert list(form) == [("a", "1"), ("b", "x y z"), ("é", "ü"), ("c", ""), ("d", "")]
    assert form.get("b") == "x y z"
    assert form.get("c") is None
    assert form.get("none") is None
    assert "c" in form
    assert "none" not in form
    assert form.require("a") == "1"
    assert list(parse_form(b"")) == []


@pytest.mark.parametrize(
    "data", [b"a=%", b"a=%2", b"a=%zz", b"%f=1", b"a=%ff", b"a=\xff", b"a=%00", b"a=\x00", b"a=%ed%a0%80"]
)
def test_bad_encoding_is_refused(data):
    """Bad escapes, NUL and anything but UTF-8 are `invalid_request`."""
    with pytest.raises(Problem) as raised:
        parse_form(data)

    assert raised.value.refusal.error == "invalid_request"


def test_a_semicolon_separates_nothing():
    """`a=1;a=2` is one value under every framework."""
    assert list(parse_form(b"a=1;a=2")) == [("a", "1;a=2")]


def test_a_hundred_fields_are_enough():
    """One more is refused before anything is decoded."""
    assert len(list(parse_form(b"&".join([b"a=1"] * 100)))) == 100
    with pytest.raises(Problem):
        parse_form(b"&".join([b"a=1"] * 101))


def test_repeats_are_seen():
    """A repeated name is refused when it is asked for, or all at once, but for those that may repeat."""
    form = parse_form(b"a=1&a=1&resource=x&resource=&resource=y&b=2")

    assert form.all("resource") == ("x", "y")
    assert form.get("b") == "2"
    with pytest.raises(Problem):
        form.get("a")
    with pytest.raises(Problem):
        form.refuse_repeats(frozenset({"resource"}))
    parse_form(b"resource=x&resource=y").refuse_repeats(frozenset({"resource"}))
    parse_form(b"a=1").refuse_repeats()


def test_what_is_required_must_be_there():
    """Missing and empty are the same (RFC 6749 §3.1)."""
    for data in (b"", b"a="):
        with pytest.raises(Problem):
            parse_form(data).require("a")


@pytest.mark.parametrize(
    "kind", [FORM_TYPE, FORM_TYPE.upper(), FORM_TYPE + "; charset=UTF-8", FORM_TYPE + ';charset="utf-8"']
)
def test_forms_come_as_forms(kind):
    """The form's media type in UTF-8 is taken."""
    assert parse_body(request(headers={"content-type": kind}, body=b"a=1")).get("a") == "1"


@pytest.mark.parametrize(
    "kind",
    ["", "application/json", "text/plain", "multipart/form-data; boundary=x", FORM_TYPE + "; charset=latin-1",
     FORM_TYPE + "x", FORM_TYPE + ", text/plain", FORM_TYPE + "; charset=utf-8; x=y"],
)  # fmt: skip
def test_nothing_else_is_read_as_a_form(kind):
    """Whatever the body looks like, another type is refused."""
    with pytest.raises(Problem):
        parse_body(request(headers={"content-type": kind} if kind else {}, body=b"a=1"))


def test_the_query_is_a_form():
    """One parser for both."""
    assert parse_query(request(query=b"a=%20")).get("a") == " "


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("sid=x", "x"), ("a=1; sid=x", "x"), ("sid=x;a=1", "x"), ("sid=a=b", "a=b"), (None, None), ("", None),
        ("sid=", None), ("sid", None), ("sid=x; sid=y", None), ("sid=y; sid=y", None), ("SID=x", None),
        ("=sid=x", None), ("%73id=x", None), ("__Host-sid=x", None), ("xsid=x", None), ("sid =x", None),
    ],
)  # fmt: skip
def test_only_one_cookie_of_exactly_the_name_counts(header, value):
    """Doubles, look-alikes and nameless cookies count as none."""
    assert cookie(request(headers={} if header is None else {"cookie": header}), "sid") == value


def test_a_request_hides_what_it_carries():
    """Secrets in headers, query or body do not show in a log of the request."""
    shown = repr(request(headers={"authorization": "Basic canary"}, query=b"code=canary", body=b"secret=canary"))

    assert "canary" not in shown
