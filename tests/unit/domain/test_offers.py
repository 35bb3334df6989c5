from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.offers import Level, Offer, OfferStatus, Party, State, Step, StepStatus, parse_state, slug
from tests.unit.make import message, offer, step

OFFER_NAMES = {
    "NeverPublished": OfferStatus.NEVER_PUBLISHED,
    "NotStarted": OfferStatus.NOT_STARTED,
    "WaitingForPublisherReview": OfferStatus.WAITING_FOR_PUBLISHER_REVIEW,
    "Running": OfferStatus.RUNNING,
    "Succeeded": OfferStatus.SUCCEEDED,
    "Canceled": OfferStatus.CANCELED,
    "Failed": OfferStatus.FAILED,
}
STEP_NAMES = {
    "NotStarted": StepStatus.NOT_STARTED,
    "InProgress": StepStatus.IN_PROGRESS,
    "WaitingForPublisherReview": StepStatus.WAITING_FOR_PUBLISHER_REVIEW,
    "WaitingForApproval": StepStatus.WAITING_FOR_APPROVAL,
    "Blocked": StepStatus.BLOCKED,
    "Rejected": StepStatus.REJECTED,
    "Complete": StepStatus.COMPLETE,
    "Canceled": StepStatus.CANCELED,
}


def spellings(name: str) -> list[str]:
    """The ways in which a name of the API's tables may be written."""
    words = "".join(f" {one}" if one.isupper() else one for one in name).split()
    camel = words[0].lower() + "".join(words[1:])
    joined = [glue.join(words) for glue in (" ", "_", "-")]
    return [name, camel, name.lower(), name.upper(), *joined, *(one.lower() for one in joined)]


@pytest.mark.parametrize(("name", "state"), OFFER_NAMES.items())
def test_offer_status_in_every_spelling(name: str, state: OfferStatus) -> None:
    assert {parse_state(OfferStatus, one) for one in spellings(name)} == {state}


@pytest.mark.parametrize(("name", "state"), STEP_NAMES.items())
def test_step_status_in_every_spelling(name: str, state: StepStatus) -> None:
    assert {parse_state(StepStatus, one) for one in spellings(name)} == {state}


@pytest.mark.parametrize("kind", [OfferStatus, StepStatus])
@pytest.mark.parametrize("raw", ["cancelled", "Cancelled", "CANCELLED", "canceled"])
def test_canceled_with_one_l_or_two(kind: type[State], raw: str) -> None:
    assert parse_state(kind, raw) == "canceled"


@pytest.mark.parametrize(
    "raw", ["published", "InProgress", "complete", "", " ", "runningg", None, 7, True, ["running"], {}]
)
def test_what_is_no_offer_status_is_unknown(raw: object) -> None:
    """`published` stands in the documentation's own sample and in no table; step words are no offer words."""
    assert parse_state(OfferStatus, raw) is OfferStatus.UNKNOWN


@pytest.mark.parametrize("raw", ["running", "completed", "succeeded", "failed", None])
def test_what_is_no_step_status_is_unknown(raw: object) -> None:
    assert parse_state(StepStatus, raw) is StepStatus.UNKNOWN


@pytest.mark.parametrize(("raw", "level"), [("Information", "information"), ("ERROR", "error"), ("warning", "warning")])
def test_levels(raw: str, level: str) -> None:
    assert parse_state(Level, raw) == level


@pytest.mark.parametrize("kind", [OfferStatus, StepStatus, Level])
@given(raw=st.text() | st.none() | st.integers())
def test_parsing_never_fails(kind: type[State], raw: object) -> None:
    assert parse_state(kind, raw) in kind


@pytest.mark.parametrize("kind", [OfferStatus, StepStatus, Level])
def test_each_state_is_read_back(kind: type[State]) -> None:
    """The values are label values: lower snake case."""
    for state in kind:
        assert parse_state(kind, str(state)) is state
        assert str(state) == state.name.lower()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Publisher signoff", "publisher-signoff"),
        ("publisher-signoff", "publisher-signoff"),
        ("  Packaging and Lead Generation  ", "packaging-and-lead-generation"),
        ("100 % done!", "100-done"),
        ("認証", ""),
        ("", ""),
    ],
)
def test_slug(name: str, expected: str) -> None:
    assert slug(name) == expected


@pytest.mark.parametrize(
    ("step_id", "name", "is_signoff"),
    [
        ("publisher-signoff", "Any name", True),
        ("step-5", "Publisher signoff", True),
        ("step-5", "PUBLISHER SIGNOFF", True),
        ("step-5", "publisher-signoff", True),
        ("live", "Live", False),
        ("signoff", "Signoff", False),
    ],
)
def test_signoff_is_known_by_its_id_then_by_its_name(step_id: str, name: str, is_signoff: bool) -> None:
    assert Step(step_id, name, StepStatus.NOT_STARTED).is_signoff is is_signoff


PUBLISHER_STEPS = (StepStatus.WAITING_FOR_PUBLISHER_REVIEW, StepStatus.REJECTED, StepStatus.BLOCKED)
AT_REST = (OfferStatus.SUCCEEDED, OfferStatus.CANCELED, OfferStatus.NEVER_PUBLISHED, OfferStatus.NOT_STARTED)


@pytest.mark.parametrize("status", AT_REST)
@pytest.mark.parametrize("step_status", StepStatus)
def test_an_offer_at_rest_waits_on_nobody(status: OfferStatus, step_status: StepStatus) -> None:
    assert offer(status=status, steps=(step(status=step_status),)).waiting_on is Party.NOBODY


@pytest.mark.parametrize("status", [OfferStatus.FAILED, OfferStatus.WAITING_FOR_PUBLISHER_REVIEW])
@pytest.mark.parametrize("steps", [(), (step(),)])
def test_the_publisher_has_to_act_when_the_offer_says_so(status: OfferStatus, steps: tuple[Step, ...]) -> None:
    assert offer(status=status, steps=steps).waiting_on is Party.PUBLISHER


@pytest.mark.parametrize("status", [OfferStatus.RUNNING, OfferStatus.UNKNOWN])
@pytest.mark.parametrize("step_status", StepStatus)
def test_else_one_step_decides(status: OfferStatus, step_status: StepStatus) -> None:
    """While sign-off is pending, an offer may still say that it is running."""
    party = Party.PUBLISHER if step_status in PUBLISHER_STEPS else Party.MICROSOFT
    others = step("a", StepStatus.COMPLETE), step("z", StepStatus.NOT_STARTED)
    assert offer(status=status, steps=(others[0], step(status=step_status), others[1])).waiting_on is party


@pytest.mark.parametrize("status", [OfferStatus.RUNNING, OfferStatus.UNKNOWN])
def test_without_steps_microsoft_has_to_act(status: OfferStatus) -> None:
    assert offer(status=status).waiting_on is Party.MICROSOFT


def test_which_statuses_are_terminal() -> None:
    going_on = {status for status in OfferStatus if not status.is_terminal}
    assert going_on == {OfferStatus.RUNNING, OfferStatus.WAITING_FOR_PUBLISHER_REVIEW, OfferStatus.UNKNOWN}


def test_key_and_immutability() -> None:
    shown = offer("a")
    assert shown.key == ("contoso", "a")
    for thing, attribute in ((shown, "status"), (step(), "status"), (message(), "html")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, attribute, "x")
    assert shown == Offer("contoso", "a", OfferStatus.RUNNING)
