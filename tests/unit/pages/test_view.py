from dataclasses import replace

import pytest

from exporter.collection.snapshot import Failure, OfferRecord
from exporter.domain.offers import OfferStatus, StepStatus
from exporter.pages.advice import advice
from exporter.pages.view import MAX_MESSAGES, OfferView, messages_of, offer_path

from .samples import (
    AT_SIGNOFF,
    CERTIFY,
    DONE,
    LENS,
    NOW,
    SIGNOFF,
    STALE_AFTER,
    STEPS,
    listed_only,
    message,
    record,
    view,
)

DAY = 86400.0


def test_an_offer_is_told_with_its_present_step() -> None:
    shown = view(record(display_name="My VM"))
    assert shown.title == "My VM"
    assert shown.look is not None
    assert shown.look.words == "Running"
    assert shown.party is not None
    assert shown.party.words == "Microsoft"
    assert shown.since is not None
    assert shown.since.ago == shown.waiting_since.ago == "2h"  # type: ignore[union-attr]
    assert shown.fetched is not None
    assert shown.fetched.ago == "1m"
    assert shown.done == 1
    step = shown.current
    assert step is not None
    assert (step.name, step.position, step.percent, step.estimate, step.elapsed) == (
        "Certification",
        2,
        40,
        3 * DAY,
        7200.0,
    )
    assert [one.is_current for one in shown.steps] == [False, True, False]


def test_an_offer_without_data_has_only_its_id() -> None:
    shown = view(OfferRecord("contoso", "vm"))
    assert shown.title == "vm"
    assert (shown.look, shown.party, shown.since, shown.waiting_since, shown.fetched) == (None,) * 5
    assert (shown.steps, shown.messages, shown.current, shown.over, shown.done) == ((), (), None, 0.0, 0)
    assert (shown.awaits_signoff, shown.went_wrong, shown.is_puzzling, shown.has_messages) == (False,) * 4
    assert advice(shown) == ""


def test_an_offer_that_is_only_listed_has_no_status_and_waits_on_no_party() -> None:
    shown = view(listed_only(since=9 * DAY))
    assert shown.is_listed_only
    assert (shown.status, shown.look, shown.waiting_on, shown.party, shown.since, shown.waiting_since) == (None,) * 6
    assert not shown.is_puzzling
    assert advice(shown) == ""
    assert not view(record()).is_listed_only


def test_stale_data_is_no_present_state() -> None:
    assert view(record(fetched=STALE_AFTER - 1)).look is not None
    assert view(record(fetched=STALE_AFTER)).look is None


@pytest.mark.parametrize(
    ("status", "estimate", "since", "over"),
    [
        (StepStatus.IN_PROGRESS, "~2-3 days", 3 * DAY, 0.0),
        (StepStatus.IN_PROGRESS, "~2-3 days", 3 * DAY + 7, 7.0),
        (StepStatus.WAITING_FOR_APPROVAL, "< 15 min", 1000, 100.0),
        (StepStatus.IN_PROGRESS, "soon", 9 * DAY, 0.0),
        (StepStatus.IN_PROGRESS, "", 9 * DAY, 0.0),
        (StepStatus.COMPLETE, "< 1 day", 9 * DAY, 0.0),
        (StepStatus.BLOCKED, "< 1 day", 9 * DAY, 0.0),
        (StepStatus.NOT_STARTED, "< 1 day", 9 * DAY, 0.0),
    ],
)
def test_a_step_is_overdue_when_microsoft_has_had_it_for_longer_than_estimated(
    status: StepStatus, estimate: str, since: float, over: float
) -> None:
    step = replace(CERTIFY, status=status, estimated_time_frame=estimate)
    shown = view(record(steps=(DONE, step), since=since))
    assert shown.over == shown.steps[1].over == over


def test_a_step_is_not_overdue_while_the_publisher_has_to_act_or_nothing_is_known_of_its_start() -> None:
    late = record(steps=(DONE, CERTIFY), since=9 * DAY)
    assert view(late).over > 0
    assert view(replace(late, since=None)).over == 0.0
    blocked = replace(DONE, step_id="other", status=StepStatus.BLOCKED)
    asks = view(record(steps=(blocked, CERTIFY), since=9 * DAY))
    assert asks.over == asks.steps[1].over == 0.0


@pytest.mark.parametrize(
    ("progress", "status", "percent"),
    [
        (None, StepStatus.IN_PROGRESS, None),
        (0.0, StepStatus.IN_PROGRESS, 0),
        (0.996, StepStatus.IN_PROGRESS, 100),
        (0.0, StepStatus.NOT_STARTED, None),
    ],
)
def test_progress_is_told_where_it_says_something(
    progress: float | None, status: StepStatus, percent: int | None
) -> None:
    shown = view(record(steps=(replace(CERTIFY, progress=progress, status=status),)))
    assert shown.steps[0].percent == percent


def test_elapsed_time_is_that_of_an_open_step_whose_start_is_known() -> None:
    assert [step.elapsed for step in view(record()).steps] == [None, 7200.0, None]
    assert [step.elapsed for step in view(replace(record(), since=None)).steps] == [None] * 3
    assert view(record(since=-5)).steps[1].elapsed == 0.0


@pytest.mark.parametrize(
    ("status", "step_status"),
    [
        (OfferStatus.RUNNING, StepStatus.REJECTED),
        (OfferStatus.RUNNING, StepStatus.BLOCKED),
        (OfferStatus.RUNNING, StepStatus.WAITING_FOR_PUBLISHER_REVIEW),
        (OfferStatus.RUNNING, StepStatus.UNKNOWN),
        (OfferStatus.RUNNING, StepStatus.COMPLETE),
        (OfferStatus.CANCELED, StepStatus.IN_PROGRESS),
        (OfferStatus.SUCCEEDED, StepStatus.WAITING_FOR_APPROVAL),
        (OfferStatus.FAILED, StepStatus.IN_PROGRESS),
    ],
)
def test_no_time_is_held_against_the_estimate_but_that_of_a_step_with_microsoft(
    status: OfferStatus, step_status: StepStatus
) -> None:
    began = NOW - 9 * DAY
    steps = replace(CERTIFY, status=step_status), replace(CERTIFY, status=step_status, started=began)
    shown = view(record(status=status, steps=steps))
    assert [(step.elapsed, step.expected) for step in shown.steps] == [(None, "")] * 2
    assert not shown.tells_estimates


def test_the_estimate_is_told_while_it_says_something() -> None:
    over = replace(DONE, estimated_time_frame="< 1 day")
    timed = replace(over, started=NOW - 60, completed=NOW)
    ahead = replace(SIGNOFF, estimated_time_frame="~2 min")
    shown = view(record(steps=(over, timed, CERTIFY, ahead)))
    assert [step.expected for step in shown.steps] == ["", "< 1 day", "~2-3 days", "~2 min"]
    assert shown.tells_estimates


def test_times_of_the_api_go_before_when_a_status_was_first_seen() -> None:
    steps = (
        replace(DONE, started=NOW - 500, completed=NOW - 200),
        replace(CERTIFY, started=NOW - 200),
        replace(CERTIFY, step_id="ended", started=NOW - 200, completed=NOW - 150),
    )
    shown = view(record(steps=steps))
    assert [step.took for step in shown.steps] == [300.0, None, 50.0]
    assert [step.elapsed for step in shown.steps] == [None, 200.0, None]
    assert shown.tells_times
    assert not view(record()).tells_times


def test_live_since_is_told_only_of_what_is_live() -> None:
    assert view(record(live=True, live_since=NOW - 60)).live_since == LENS.moment(NOW - 60)
    assert view(record(live=False, live_since=NOW - 60)).live_since is None
    assert view(OfferRecord("contoso", "vm")).source == ""


def test_a_step_without_a_name_is_called_by_its_id() -> None:
    assert view(record(steps=(replace(CERTIFY, name=""),))).steps[0].name == "certify"


def test_the_newest_messages_come_first_and_old_ones_are_left_out() -> None:
    many = tuple(message(f"<p>{number}</p>") for number in range(MAX_MESSAGES + 5))
    texts = [one.text for one in messages_of(many, LENS)]
    assert texts == [str(number) for number in range(MAX_MESSAGES + 4, 4, -1)]
    (timeless,) = messages_of((message("x", ago=None),), LENS)
    assert timeless.when is None
    assert timeless.look.words == "Information"


SUCCEEDED = replace(CERTIFY, status=StepStatus.COMPLETE)
BLOCKED = replace(CERTIFY, status=StepStatus.BLOCKED)
REJECTED = replace(CERTIFY, status=StepStatus.REJECTED)
SAID = replace(REJECTED, messages=(message("x"),))
PUZZLE = replace(CERTIFY, status=StepStatus.UNKNOWN)
REVIEW = replace(CERTIFY, status=StepStatus.WAITING_FOR_PUBLISHER_REVIEW)


@pytest.mark.parametrize(
    ("one", "awaits_signoff", "start"),
    [
        (record(status=OfferStatus.WAITING_FOR_PUBLISHER_REVIEW, steps=AT_SIGNOFF), True, "The preview is ready"),
        (record(status=OfferStatus.RUNNING, steps=AT_SIGNOFF), True, "The preview is ready"),
        (record(status=OfferStatus.WAITING_FOR_PUBLISHER_REVIEW, steps=()), True, "The preview is ready"),
        (record(status=OfferStatus.SUCCEEDED, steps=AT_SIGNOFF), False, "Published."),
        (record(steps=(DONE, BLOCKED, SIGNOFF)), False, "A step is blocked"),
        (record(status=OfferStatus.FAILED, steps=(DONE, BLOCKED)), False, "Look in Partner Center for what"),
        (record(steps=(DONE, REJECTED)), False, "Look in Partner Center for what the publisher has to correct; then"),
        (record(steps=(DONE, SAID)), False, "Look in the messages for what the publisher has to correct; then"),
        (record(steps=(DONE, REJECTED), messages=(message("x"),)), False, "Look in the messages for what"),
        (record(steps=(*AT_SIGNOFF, REJECTED)), False, "Look in Partner Center for what the publisher has to correct"),
        (record(steps=(*AT_SIGNOFF, BLOCKED)), False, "A step is blocked: look in Partner Center"),
        (record(status=OfferStatus.WAITING_FOR_PUBLISHER_REVIEW, steps=(BLOCKED,)), False, "A step is blocked"),
        (record(status=OfferStatus.FAILED, steps=AT_SIGNOFF), False, "Look in Partner Center for what"),
        (record(status=OfferStatus.UNKNOWN, steps=()), False, "The API tells a state that this exporter does not"),
        (record(status=OfferStatus.UNKNOWN, since=4 * DAY), False, "The API tells a state that this exporter does not"),
        (record(steps=(DONE, PUZZLE)), False, "The API tells a state that this exporter does not know. Look in"),
        (record(status=OfferStatus.UNKNOWN, steps=(REJECTED,)), False, "Look in Partner Center for what the publisher"),
        (record(steps=(REVIEW, SIGNOFF)), False, "A step waits for the publisher's review"),
        (record(steps=STEPS), False, "Microsoft is at work. "),
        (record(steps=STEPS, since=4 * DAY), False, "Microsoft is at work and over"),
        (record(status=OfferStatus.CANCELED), False, "The submission was canceled"),
        (record(status=OfferStatus.NEVER_PUBLISHED), False, "The offer has never been submitted"),
        (record(status=OfferStatus.NOT_STARTED), False, "Publishing has not been started"),
    ],
)
def test_the_advice_follows_from_who_has_to_act(one: OfferRecord, awaits_signoff: bool, start: str) -> None:
    shown = view(one)
    assert shown.awaits_signoff is awaits_signoff
    assert advice(shown).startswith(start)


@pytest.mark.parametrize(
    ("offer_id", "path"),
    [
        ("vm", "offers/contoso/vm"),
        ("a/b c?d#e%", "offers/contoso/a%2Fb%20c%3Fd%23e%25"),
        ("résumé", "offers/contoso/r%C3%A9sum%C3%A9"),
        ("\udc80", "offers/contoso/%3F"),
    ],
)
def test_ids_are_quoted_in_paths(offer_id: str, path: str) -> None:
    assert offer_path("contoso", offer_id) == view(record(offer_id)).path == path


def test_a_failed_fetch_keeps_what_is_known() -> None:
    one = record(failure=Failure("timeout", "no answer"))
    assert isinstance(view(one), OfferView)
    assert view(one).look is not None
    assert view(one).fetched == LENS.moment(NOW - 60)
