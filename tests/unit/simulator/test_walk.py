from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.pipeline import KINDS
from exporter.simulator.walk import Ending, OfferPlan, state_at

SPEED = 100.0
START = 1_790_000_000.0
# Real seconds per step of a virtual machine: 10 for each of six.
VM = OfferPlan(
    publisher="contoso", offer="vm", title="VM", kind=KINDS["vm"], durations=(1000.0,) * 6, submitted=START, version=7
)


def statuses(plan: OfferPlan, after: float) -> tuple[str, list[str]]:
    state = state_at(plan, SPEED, START + after)
    return state.status, [step.status for step in state.steps]


@pytest.mark.parametrize(
    ("after", "offer", "steps"),
    [
        (0, "running", ["inProgress", *["notStarted"] * 5]),
        (15, "running", ["complete", "inProgress", *["notStarted"] * 4]),
        (45, "waitingForPublisherReview", [*["complete"] * 4, "waitingForPublisherReview", "notStarted"]),
        (55, "running", [*["complete"] * 5, "inProgress"]),
        (60, "succeeded", ["complete"] * 6),
        (1e6, "succeeded", ["complete"] * 6),
    ],
)
def test_walks_to_success(after: float, offer: str, steps: list[str]) -> None:
    assert statuses(VM, after) == (offer, steps)


@pytest.mark.parametrize(
    ("ending", "offer", "step"),
    [
        (Ending.REJECTED, "failed", "rejected"),
        (Ending.BLOCKED, "running", "blocked"),
        (Ending.FAILED, "failed", "blocked"),
        (Ending.CANCELED, "canceled", "canceled"),
        (Ending.STUCK, "running", "inProgress"),
    ],
)
def test_ends_where_the_plan_says_and_stays_there(ending: Ending, offer: str, step: str) -> None:
    plan = replace(VM, ending=ending, ends_at="displaycertify")
    assert statuses(plan, 15)[1][1] == "inProgress"
    for after in (20, 70, 1e6):
        assert statuses(plan, after) == (offer, ["complete", step, *["notStarted"] * 4])


def test_signoff_may_wait_while_the_offer_says_running() -> None:
    plan = replace(VM, ending=Ending.STUCK, ends_at="publisher-signoff", waiting="running")
    assert statuses(plan, 1e6) == ("running", [*["complete"] * 4, "waitingForPublisherReview", "notStarted"])


def test_never_published_has_no_steps() -> None:
    assert statuses(replace(VM, ending=Ending.NEVER_PUBLISHED), 5) == ("neverPublished", [])


def test_rounds_repeat_with_a_new_version_and_the_old_one_live() -> None:
    plan = replace(VM, rest=500.0)
    first, rest, second = (state_at(plan, SPEED, START + after) for after in (5, 62, 70))
    assert [state.version for state in (first, rest, second)] == [7, 7, 8]
    assert [state.status for state in (first, rest, second)] == ["running", "succeeded", "running"]
    assert [state.live_since for state in (first, rest, second)] == [None, START + 60, START + 60]
    assert second.submitted == START + 65


def test_progress_rises_and_is_whole_at_the_end() -> None:
    seen = [state_at(VM, SPEED, START + after).steps[0].progress for after in (0, 2.5, 5, 9.99, 10)]
    assert seen == [0, 25, 50, 95, 100]


@given(
    st.floats(0, 3000),
    st.sampled_from(sorted(Ending)),
    st.sampled_from([None, 0.0, 333.3]),
    st.floats(1, 5000),
)
def test_no_instant_is_ever_later_than_now(after: float, ending: Ending, rest: float | None, speed: float) -> None:
    ends_at = "" if ending in {Ending.SUCCEEDED, Ending.NEVER_PUBLISHED} else "displayprovision"
    plan = replace(VM, ending=ending, ends_at=ends_at, rest=rest, durations=(7.7, 1111.1, 0.3, 99.9, 5.5, 1e5))
    now = START + after
    state = state_at(plan, speed, now)
    instants = [state.changed, state.submitted, state.live_since, *(note.at for note in state.notes)]
    for step in state.steps:
        instants += [step.started, step.ended, *(note.at for note in step.notes)]
    assert all(START <= instant <= now for instant in instants if instant is not None)


@given(st.floats(0, 200), st.floats(0, 200))
def test_an_instant_once_told_never_moves(earlier: float, later: float) -> None:
    earlier, later = sorted((earlier, later))
    before, after = (state_at(VM, SPEED, START + seconds) for seconds in (earlier, later))
    for old, new in zip(before.steps, after.steps, strict=True):
        assert old.started is None or old.started == pytest.approx(new.started, abs=1e-6)
        assert old.ended is None or old.ended == pytest.approx(new.ended, abs=1e-6)
