"""Events become lines of the audit trail, as far as the settings ask for them."""

from __future__ import annotations

import pytest

from authority_core.kernel.audit import AuditTrail
from authority_core.kernel.events import TokenIssued, TokenRefused, UserChanged
from authority_core.kernel.ports import Origin
from authority_core.kernel.settings import Settings
from authority_core.testing.moments import Clock

REFUSED = TokenRefused(client_id="web", error="invalid_grant", grant_type=None, reason="because")
CHANGED = UserChanged(fields="email")
ISSUED = TokenIssued(client_id="web", grant_type="x", scope="read", token_id="t")


def trail(**settings: object) -> AuditTrail:
    return AuditTrail.from_settings(Settings(issuer="http://localhost", secret_key="k" * 32, **settings))


def test_a_line_says_what_happened_where_and_how_long_it_is_kept():
    """Names and details of the event, without those that are absent; where it came from; its end."""
    origin = Origin(ip_address="1.2.3.4", user_agent="agent", request_id="r1")

    (line,) = [put.record for put in trail(audit_log_retention_days=7).lines([REFUSED], origin, Clock()())]

    assert (line.event, line.severity, line.client_id) == ("token.refused", "notice", "web")
    assert line.detail == {"reason": "because", "error": "invalid_grant"}
    assert (line.ip_address, line.user_agent, line.request_id) == ("1.2.3.4", "agent", "r1")
    assert (line.keep_until - line.at).days == 7


def test_lines_of_one_moment_have_names_of_their_own():
    """However many events a decision has, and whatever other moments there are."""
    clock = Clock()

    names = [
        put.record.audit_id for moment in (clock(), clock()) for put in trail().lines([ISSUED] * 12, Origin(), moment)
    ]

    assert len(set(names)) == 24


@pytest.mark.parametrize(
    ("level", "recorded"),
    [
        ("all", ["token.refused", "user.updated", "token.issued"]),
        ("important", ["token.refused", "user.updated"]),
        ("errors", ["token.refused"]),
    ],
)
def test_the_settings_say_what_is_recorded(level, recorded):
    """Everything, what matters, or what failed."""
    lines = trail(audit_log_level=level).lines([REFUSED, CHANGED, ISSUED], Origin(), Clock()())

    assert [put.record.event for put in lines] == recorded
