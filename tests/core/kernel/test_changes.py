"""Changes say what they are about, or they are none."""

from __future__ import annotations

import pytest

from authority_core.kernel.changes import Count, CutOff, Put, Remove, Replace, Revoke, Spend, refuse_nameless
from authority_core.testing.contract.atomicity import everything
from authority_core.testing.contract.hostile import about_nothing
from authority_core.testing.contract.samples import KEEP, NOW


@pytest.mark.parametrize("what", ["grant", "session"])
@pytest.mark.parametrize("name", ["", None])
def test_a_revocation_of_nothing_cannot_be_made(what, name):
    """An empty or missing id is a `ValueError`; a blank is a name like any other."""
    with pytest.raises(ValueError, match="Revoke has an empty id"):
        Revoke(what, name, NOW, KEEP)

    assert Revoke(what, " ", NOW, KEEP).id == " "


@pytest.mark.parametrize("what", ["", None, "subject"])
def test_a_revocation_is_of_a_grant_or_a_session(what):
    """A mark that no read looks for would end nothing."""
    with pytest.raises(ValueError, match="what"):
        Revoke(what, "id", NOW, KEEP)


@pytest.mark.parametrize(
    ("subject", "client_id", "field"),
    [("", None, "subject"), (None, None, "subject"), ("", "client", "subject"), ("subject", "", "client_id")],
)
def test_a_cut_off_of_nobody_cannot_be_made(subject, client_id, field):
    """An empty subject or client is a `ValueError`: it is neither everybody nor every client, which is `None`."""
    with pytest.raises(ValueError, match=f"CutOff has an empty {field}"):
        CutOff(subject, client_id, NOW, KEEP)

    assert CutOff("subject", None, NOW, KEEP).client_id is None


@pytest.mark.parametrize("change", about_nothing(), ids=lambda change: type(getattr(change, "record", change)).__name__)
def test_a_change_about_nothing_is_refused(change):
    """Wherever it stands among others that are right."""
    refuse_nameless(everything())
    with pytest.raises(ValueError, match=r"32 bytes|name is empty"):
        refuse_nameless([*everything(), change])


def test_every_sort_of_change_is_asked():
    """None that may be about nothing is left out above."""
    assert {type(change) for change in about_nothing()} == {Spend, Count, Put, Replace, Remove}
    asked = {type(getattr(change, "record", change)) for change in about_nothing()}

    assert asked == {type(getattr(change, "record", change)) for change in everything()} - {Revoke, CutOff}
