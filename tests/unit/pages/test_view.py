from dataclasses import replace

import pytest

from exporter.collection.snapshot import OfferRecord
from exporter.domain.offers import OfferStatus, StepStatus
from exporter.pages.advice import advice

from .samples import AT_SIGNOFF, CERTIFY, DAY, DONE, NOW, SIGNOFF, STEPS, message, record, view


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
    steps = replace(CERTIFY, status=step_status), replace(CERTIFY, status=step_status, started=NOW - 9 * DAY)
    shown = view(record(status=status, steps=steps))
    assert [(step.elapsed, step.expected) for step in shown.steps] == [(None, "")] * 2


def test_times_of_the_api_go_before_when_a_status_was_first_seen() -> None:
    timed = replace(DONE, started=NOW - 500, completed=NOW - 200, estimated_time_frame="< 1 day")
    under_way = replace(CERTIFY, started=NOW - 200)
    ended = replace(CERTIFY, step_id="ended", started=NOW - 200, completed=NOW - 150)
    ahead = replace(SIGNOFF, estimated_time_frame="~2 min")
    shown = view(record(steps=(replace(timed, started=None), timed, CERTIFY, under_way, ended, ahead)))
    assert [(step.took, step.elapsed, step.expected) for step in shown.steps] == [
        (None, None, ""),
        (300.0, None, "< 1 day"),
        (None, 7200.0, "~2-3 days"),
        (None, 200.0, "~2-3 days"),
        (50.0, None, "~2-3 days"),
        (None, None, "~2 min"),
    ]
    assert view(record(since=-5)).steps[1].elapsed == 0.0


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
        (OfferRecord("contoso", "new"), False, ""),
    ],
)
def test_the_advice_follows_from_who_has_to_act(one: OfferRecord, awaits_signoff: bool, start: str) -> None:
    shown = view(one)
    assert shown.awaits_signoff is awaits_signoff
    assert advice(shown).startswith(start)
