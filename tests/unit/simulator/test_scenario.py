from __future__ import annotations

from collections import Counter
from itertools import pairwise

from exporter.simulator import DEMO_SPEED, Scenario, demo, scale
from exporter.simulator.walk import OfferState, state_at

EPOCH = 1_790_000_000.0


def states(scenario: Scenario, after: float) -> dict[str, OfferState]:
    return {plan.offer: state_at(plan, scenario.speed, EPOCH + after) for plan in scenario.plans}


def picture(scenario: Scenario, after: float) -> list[tuple[str, int, str, int]]:
    return [
        (offer, state.number, step.status, step.progress)
        for offer, state in states(scenario, after).items()
        for step in state.steps
    ]


def test_the_demo_shows_every_state_at_its_start() -> None:
    now = states(demo(epoch=EPOCH), 0)
    assert {offer: state.status for offer, state in now.items()} == {
        "linux-hardened": "running",
        "gateway-vm": "waitingForPublisherReview",
        "ingress": "running",
        "backup-agent": "failed",
        "insights": "running",
        "billing": "running",
        "landing-zone": "succeeded",
        "data-mesh": "running",
        "edge-cache": "running",
        "vault-connector": "failed",
        "scan-engine": "failed",
        "assistant-kit": "running",
        "sql-appliance": "running",
        "mail-filter": "running",
        "assessment": "canceled",
        "pilot": "neverPublished",
    }
    shown = {step.status for state in now.values() for step in state.steps}
    assert shown >= {
        "notStarted",
        "inProgress",
        "waitingForPublisherReview",
        "blocked",
        "rejected",
        "complete",
        "canceled",
    }


def test_an_offer_of_the_demo_fails_before_the_eyes_of_its_user() -> None:
    scenario = demo(epoch=EPOCH)
    plan = next(plan for plan in scenario.plans if plan.offer == "mail-filter")
    failed = next(after for after in range(600) if state_at(plan, scenario.speed, EPOCH + after).status == "failed")
    assert 20 < failed < 180


def test_something_moves_every_few_seconds_in_the_demo_for_ever() -> None:
    scenario = demo(epoch=EPOCH)
    for begin in (0, 86_400):
        pictures = [picture(scenario, begin + after) for after in range(0, 1200, 5)]
        assert all(before != after for before, after in pairwise(pictures))


def test_a_pipeline_of_the_demo_takes_about_ten_minutes() -> None:
    scenario = demo(epoch=EPOCH)
    for plan in scenario.plans:
        if plan.rest is not None:
            assert 300 < (sum(plan.durations) + plan.rest) / scenario.speed < 900


def test_scenarios_depend_on_the_seed_alone() -> None:
    assert demo(epoch=EPOCH, seed=3) == demo(epoch=EPOCH, seed=3)
    assert demo(epoch=EPOCH, seed=3) != demo(epoch=EPOCH, seed=4)
    assert scale(5, seed=3, epoch=EPOCH) == scale(5, seed=3, epoch=EPOCH)
    assert scale(5, seed=3, epoch=EPOCH) != scale(5, seed=4, epoch=EPOCH)


def test_scale_spreads_offers_of_eight_steps() -> None:
    scenario = scale(1000, 4, seed=1, epoch=EPOCH)
    assert Counter(plan.publisher for plan in scenario.plans) == {
        f"publisher-00{number}": 250 for number in (1, 2, 3, 4)
    }
    now = states(scenario, 0)
    assert len(now) == 1000
    assert {len(state.steps) for state in now.values()} == {8}
    assert Counter(state.status for state in now.values())["running"] < 1000
    assert scenario.speed == DEMO_SPEED
