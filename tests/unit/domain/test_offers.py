from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.offers import Level, OfferStatus, Party, State, Step, StepStatus, parse_state, slug
from tests.unit.make import offer, step


def spellings(state: str) -> list[str]:
    """The ways in which a name of the API's tables may be written: `InProgress`, `inProgress`, `in-progress` ..."""
    words = [one.title() for one in state.split("_")]
    joined = [glue.join(words) for glue in ("", " ", "_", "-")]
    return [*joined, *map(str.lower, joined), *map(str.upper, joined), words[0].lower() + "".join(words[1:])]


@pytest.mark.parametrize("kind", [OfferStatus, StepStatus, Level])
def test_each_state_is_read_in_every_spelling(kind: type[State]) -> None:
    for state in kind:
        assert {parse_state(kind, one) for one in spellings(state)} == {state}


@pytest.mark.parametrize("kind", [OfferStatus, StepStatus])
def test_canceled_may_have_one_l_or_two(kind: type[State]) -> None:
    assert {parse_state(kind, one) for one in ("cancelled", "Cancelled", "CANCELLED", "canceled")} == {"canceled"}


@pytest.mark.parametrize(
    ("kind", "raws"),
    [
        (OfferStatus, ["published", "InProgress", "complete", "", " ", "runningg", None, 7, True, ["running"], {}]),
        (StepStatus, ["running", "completed", "succeeded", "failed", None]),
    ],
)
def test_anything_else_is_unknown(kind: type[State], raws: list[object]) -> None:
    """`published` stands in the documentation's own sample and in no table; step words are no offer words."""
    assert {parse_state(kind, one) for one in raws} == {kind.UNKNOWN}


@given(raw=st.text())
def test_parsing_never_fails(raw: str) -> None:
    assert parse_state(OfferStatus, raw) in OfferStatus


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Publisher signoff", "publisher-signoff"),
        ("publisher-signoff", "publisher-signoff"),
        ("  Packaging and Lead Generation  ", "packaging-and-lead-generation"),
        ("100 % done!", "100-done"),
        ("認証", ""),
    ],
)
def test_slug(name: str, expected: str) -> None:
    assert slug(name) == expected


@pytest.mark.parametrize(
    ("step_id", "name", "is_signoff"),
    [
        ("publisher-signoff", "Any name", True),
        ("step-5", "PUBLISHER SIGNOFF", True),
        ("live", "Live", False),
        ("signoff", "Signoff", False),
    ],
)
def test_signoff_is_known_by_its_id_then_by_its_name(step_id: str, name: str, is_signoff: bool) -> None:
    assert Step(step_id, name, StepStatus.NOT_STARTED).is_signoff is is_signoff


AT_REST = {OfferStatus.SUCCEEDED, OfferStatus.CANCELED, OfferStatus.NEVER_PUBLISHED, OfferStatus.NOT_STARTED}
OF_PUBLISHER = {OfferStatus.FAILED, OfferStatus.WAITING_FOR_PUBLISHER_REVIEW}
STEP_OF_PUBLISHER = {StepStatus.WAITING_FOR_PUBLISHER_REVIEW, StepStatus.REJECTED, StepStatus.BLOCKED}


@pytest.mark.parametrize("status", OfferStatus)
@pytest.mark.parametrize("step_status", [None, *StepStatus])
def test_who_has_to_act(status: OfferStatus, step_status: StepStatus | None) -> None:
    """What the offer says, else one of its steps: while sign-off is pending, an offer may still say that it is running."""
    others = step("a", StepStatus.COMPLETE), step("z", StepStatus.NOT_STARTED)
    steps = (others[0], step(status=step_status), others[1]) if step_status else ()
    if status in AT_REST:
        party = Party.NOBODY
    else:
        asks_publisher = status in OF_PUBLISHER or step_status in STEP_OF_PUBLISHER
        party = Party.PUBLISHER if asks_publisher else Party.MICROSOFT
    assert offer(status=status, steps=steps).waiting_on is party
    assert offer(status=status, steps=steps, is_listed_only=True).waiting_on is Party.NOBODY


def test_which_statuses_are_terminal() -> None:
    going_on = {status for status in OfferStatus if not status.is_terminal}
    assert going_on == {OfferStatus.RUNNING, OfferStatus.WAITING_FOR_PUBLISHER_REVIEW, OfferStatus.UNKNOWN}
