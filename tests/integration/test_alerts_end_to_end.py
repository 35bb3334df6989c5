"""The alerts with real programs: who is told what, once, and nothing else.

The rules are the real ones with all durations a hundredth as long, the Alertmanager configuration is the example with
shorter waiting times. Each test looks at everything that has arrived.
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.integration._alerting import STALE_AFTER, Notification, Stack, accelerate, offer, running_stack, step
from tests.integration._rules import RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OFFERS, PLATFORM = "publisher-team", "platform-team"


@pytest.fixture
def stack(tool: Callable[[str], Path], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """By default the oldest versions that we promise; the parameter is what the current ones have behind their names."""
    with running_stack(tmp_path, tool, getattr(request, "param", "")) as one:
        yield one


def both(*firing: Notification) -> dict[Notification, int]:
    """Each of these, and its end, once."""
    return {one._replace(status=status): 1 for one in firing for status in ("firing", "resolved")}


FAILED = Notification(OFFERS, "firing", "OfferFailed", "critical", "contoso/failed")
REJECTED = Notification(OFFERS, "firing", "OfferStepRejected", "critical", "contoso/rejected/certification")
BLOCKED = Notification(OFFERS, "firing", "OfferStepBlocked", "warning", "contoso/blocked/provisioning")
SIGN_OFF = Notification(OFFERS, "firing", "OfferSignOffPending", "info", "contoso/sign-off")
SIGN_OFF_LATE = SIGN_OFF._replace(severity="warning")
OVERDUE = Notification(OFFERS, "firing", "OfferStepOverdue", "info", "contoso/overdue/certification")
DOWN = Notification(PLATFORM, "firing", "ExporterDown", "critical", "contoso")
DOWN_TOO = DOWN._replace(subject="fabrikam")
THROTTLED = Notification(PLATFORM, "firing", "ExporterThrottled", "warning", "")
STALE = Notification(PLATFORM, "firing", "PublisherDataStale", "warning", "contoso")
STALE_TOO = STALE._replace(subject="fabrikam")
CREDENTIAL = Notification(PLATFORM, "firing", "ExporterCredentialFailing", "critical", "")


def quiet_offers(stack: Stack) -> None:
    """Offers that nobody has to hear of."""
    stack.put("fabrikam", "live", offer("succeeded", step("publisher-signoff", "complete")))
    stack.put("fabrikam", "draft", offer("neverPublished"))
    stack.put("fabrikam", "canceled", offer("canceled", step("certification", "rejected")))
    stack.put("fabrikam", "busy", offer("running", step("certification", "inProgress", "~2-3 days")))
    stack.put("contoso", "no-estimate", offer("running", step("certification", "inProgress")))


def test_publishers_are_told_what_they_have_to_do(stack: Stack) -> None:
    quiet_offers(stack)
    stack.put("contoso", "failed", offer("running"))
    stack.put("contoso", "rejected", offer("failed", step("certification", "rejected")))
    stack.put("contoso", "blocked", offer("running", step("provisioning", "blocked")))
    stack.put("contoso", "sign-off", offer("running", step("publisher-signoff", "waitingForPublisherReview")))
    stack.put("contoso", "overdue", offer("running", step("certification", "inProgress", "< 0.1 min")))
    stack.start_alerting()
    stack.put("contoso", "failed", offer("failed"))
    stack.wait_for(FAILED, REJECTED, BLOCKED, SIGN_OFF, SIGN_OFF_LATE, OVERDUE)

    for name in ("failed", "rejected", "blocked", "sign-off", "overdue"):
        stack.put("contoso", name, offer("running", step("certification", "complete")))
    expected = both(FAILED, REJECTED, BLOCKED, SIGN_OFF, SIGN_OFF_LATE, OVERDUE)
    stack.wait_for(*expected)
    assert stack.notifications == expected


def test_a_revoked_token_is_the_platforms_matter_and_ends_no_alert_on_offers(stack: Stack) -> None:
    quiet_offers(stack)
    stack.put("contoso", "failed", offer("failed"))
    stack.start_alerting()
    stack.wait_for(FAILED)

    stack.fault(kind="status", status=401)
    stack.wait_for(CREDENTIAL)
    withdrawn = 'ALERTS{alertname="AzureMarketplacePublisherDataStale",severity="critical",alertstate="firing"}'
    stack.put("contoso", "failed", offer("succeeded"))
    stack.wait_until(withdrawn, seconds=STALE_AFTER + 30)
    stack.watch(8, 'ALERTS{alertname="AzureMarketplaceOfferFailed",alertstate="firing"}', holds=True)
    assert stack.notifications == {FAILED: 1, CREDENTIAL: 1}

    stack.mend()
    stack.wait_for(*both(FAILED, CREDENTIAL))
    stack.wait_until("absent(ALERTS)")
    assert stack.notifications == both(FAILED, CREDENTIAL)


@pytest.mark.parametrize("stack", ["", "-3"], ids=["oldest", "current"], indirect=True)
def test_a_dead_exporter_is_told_once_and_ends_no_alert_on_offers(stack: Stack) -> None:
    quiet_offers(stack)
    stack.put("contoso", "failed", offer("failed"))
    stack.put("contoso", "blocked", offer("running", step("provisioning", "blocked")))
    stack.start_alerting()
    stack.wait_for(FAILED, BLOCKED)

    stack.stop_exporter()
    stack.wait_for(DOWN, DOWN_TOO)
    stack.put("contoso", "failed", offer("succeeded"))
    stack.watch(20, 'ALERTS{alertname="AzureMarketplaceOfferFailed",alertstate="firing"}', holds=True)
    assert stack.notifications == {FAILED: 1, BLOCKED: 1, DOWN: 1, DOWN_TOO: 1}

    stack.start_exporter()
    stack.wait_for(*both(FAILED, DOWN, DOWN_TOO))
    stack.put("contoso", "blocked", offer("running", step("provisioning", "complete")))
    expected = both(FAILED, BLOCKED, DOWN, DOWN_TOO)
    stack.wait_for(*expected)
    stack.wait_until("absent(ALERTS)")
    assert stack.notifications == expected


def test_throttling_is_the_platforms_matter(stack: Stack) -> None:
    quiet_offers(stack)
    stack.start_alerting()
    stack.fault(kind="status", status=429, retry_after=0, operation="list_offers")
    stack.wait_for(THROTTLED, STALE, STALE_TOO)
    stack.mend()
    expected = both(THROTTLED, STALE, STALE_TOO)
    stack.wait_for(*expected)
    stack.wait_until("absent(ALERTS)")
    assert stack.notifications == expected


def test_deploys_are_told_to_nobody(stack: Stack) -> None:
    quiet_offers(stack)
    stack.put("contoso", "failed", offer("failed"))
    stack.start_alerting()
    stack.wait_for(FAILED)
    for _ in range(2):
        stack.stop_exporter(signal.SIGTERM)
        stack.start_exporter()
        stack.watch(8, 'ALERTS{alertname="AzureMarketplaceOfferFailed",alertstate="firing"}', holds=True)
    assert stack.notifications == {FAILED: 1}


def test_the_rules_are_only_faster() -> None:
    """Nothing but durations is different, and none is left as it was."""
    real, fast = yaml.safe_load(RULES.read_text()), yaml.safe_load(accelerate(RULES.read_text()))
    for slow_group, fast_group in zip(real["groups"], fast["groups"], strict=True):
        for slow, quick in zip(slow_group["rules"], fast_group["rules"], strict=True):
            assert slow.keys() == quick.keys()
            assert slow.get("labels") == quick.get("labels")
            for key in ("for", "keep_firing_for"):
                assert key not in slow or re.fullmatch(r"\d+ms", quick[key])
            assert re.findall(r"\[\w+\]", quick["expr"]) == re.findall(r"\[\d+ms\]", quick["expr"])
            assert re.sub(r"\d+", "", quick["expr"]).replace("ms", "") == re.sub(
                r"\d+[mhd]\b|\d+", "", slow["expr"]
            ).replace("ms", "")
