"""The alerts with real programs: who is told what, once, and nothing else; and what somebody reads at night.

The rules are the real ones with all durations a hundredth as long, the Alertmanager configuration is the example with
shorter waiting times. Each test looks at everything that has arrived.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from tests.integration._alerting import PATIENCE, Notification, Stack, accelerate, both, offer, step
from tests.integration._rules import ALERTMANAGER, ROOT, RULES, RUNBOOKS, run
from tests.integration.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.conftest import Keep, Tool

GOLDEN = ROOT / "tests" / "integration" / "golden" / "notifications.txt"
OFFERS, PLATFORM = "publisher-team", "platform-team"
FAILED = Notification(OFFERS, "firing", "OfferFailed", "critical", "contoso/failed")
REJECTED = Notification(OFFERS, "firing", "OfferStepRejected", "critical", "contoso/rejected/certification")
BLOCKED = Notification(OFFERS, "firing", "OfferStepBlocked", "warning", "contoso/blocked/provisioning")
SIGN_OFF = Notification(OFFERS, "firing", "OfferSignOffPending", "info", "contoso/sign-off")
SIGN_OFF_LATE = SIGN_OFF._replace(severity="warning")
OVERDUE = Notification(OFFERS, "firing", "OfferStepOverdue", "info", "contoso/overdue/certification")
EARLY = Notification(OFFERS, "firing", "OfferErrorMessages", "info", "contoso/early")
DOWN = Notification(PLATFORM, "firing", "ExporterDown", "critical", "contoso")
DOWN_TOO = DOWN._replace(subject="fabrikam")
CREDENTIAL = Notification(PLATFORM, "firing", "ExporterCredentialFailing", "critical", "")

GOES_ON = offer("running", step("certification", "complete"))
STILL_FAILED = 'ALERTS{alertname="AzureMarketplaceOfferFailed",alertstate="firing"}'
EARLY_IS_OVER = 'absent(ALERTS{alertname="AzureMarketplaceOfferErrorMessages"})'
WITHDRAWN = 'ALERTS{alertname="AzureMarketplacePublisherDataStale",severity="critical",alertstate="firing"}'


@pytest.fixture
def stack(tool: Tool, tmp_path: Path, keep: Keep, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """With offers that nobody has to hear of; by default of the oldest versions that we promise."""
    one = Stack(tmp_path, tool, keep, getattr(request, "param", ""))
    one.simulator.put_offer("fabrikam", "live", offer("succeeded", step("publisher-signoff", "complete")))
    one.simulator.put_offer("fabrikam", "draft", offer("neverPublished"))
    one.simulator.put_offer("fabrikam", "canceled", offer("canceled", step("certification", "rejected")))
    one.simulator.put_offer("fabrikam", "busy", offer("running", step("certification", "inProgress", "~2-3 days")))
    one.simulator.put_offer("contoso", "no-estimate", offer("running", step("certification", "inProgress")))
    yield one
    one.receiver.shutdown()
    one.receiver.server_close()


def put(stack: Stack, **offers: dict[str, Any]) -> None:
    """Write offers of contoso."""
    for name, body in offers.items():
        stack.simulator.put_offer("contoso", name.replace("_", "-"), body)


def test_publishers_are_told_what_they_have_to_do(stack: Stack) -> None:
    put(
        stack,
        failed=offer("running"),
        rejected=offer("failed", step("certification", "rejected")),
        blocked=offer("running", step("provisioning", "blocked")),
        sign_off=offer("running", step("publisher-signoff", "waitingForPublisherReview")),
        overdue=offer("running", step("certification", "inProgress", "< 0.1 min")),
    )
    stack.start()
    put(stack, failed=offer("failed"))
    told = (FAILED, REJECTED, BLOCKED, SIGN_OFF, SIGN_OFF_LATE, OVERDUE)
    stack.wait_for(*told)
    put(stack, failed=GOES_ON, rejected=GOES_ON, blocked=GOES_ON, sign_off=GOES_ON, overdue=GOES_ON)
    stack.wait_for(*both(*told))
    stack.wait_for_the_end()
    assert stack.notifications == both(*told)


@pytest.mark.parametrize("stack", ["-3"], ids=["current versions"], indirect=True)
def test_a_dead_exporter_is_told_once_and_ends_no_alert_on_offers(stack: Stack) -> None:
    put(stack, failed=offer("failed"), blocked=offer("running", step("provisioning", "blocked")))
    stack.start()
    stack.wait_for(FAILED, BLOCKED)

    stack.exporter.kill()
    stack.wait_for(DOWN, DOWN_TOO)
    put(stack, failed=GOES_ON)
    stack.watch(STILL_FAILED, seconds=12)
    assert stack.notifications == dict.fromkeys((FAILED, BLOCKED, DOWN, DOWN_TOO), 1)

    put(stack, blocked=GOES_ON)
    stack.start_exporter()
    told = both(FAILED, BLOCKED, DOWN, DOWN_TOO)
    stack.wait_for(*told)
    stack.wait_for_the_end()
    # Of two alerts that end together, the inhibited one may outlive the other by a moment, and is told then, once.
    late = both(Notification(PLATFORM, "firing", "ExporterTargetDown", "warning", ""))
    assert stack.notifications in (told, told | late)


def test_a_revoked_token_is_the_platforms_matter_and_ends_no_alert_on_offers(stack: Stack) -> None:
    """What is told says what Microsoft said, leads to where it is mended, and can be silenced as its runbook says."""
    put(stack, **offers_with_messages())
    stack.start()
    of_offers = (FAILED, REJECTED, BLOCKED, SIGN_OFF, EARLY)
    stack.wait_for(*of_offers, SIGN_OFF_LATE)
    stack.fault(kind="status", status=401)
    stack.wait_for(CREDENTIAL)
    check_texts(stack, *of_offers, CREDENTIAL)
    silence(stack, FAILED)

    put(stack, failed=GOES_ON, rejected=GOES_ON, blocked=GOES_ON, sign_off=GOES_ON, early=GOES_ON)
    stack.prometheus.wait_for(WITHDRAWN, PATIENCE)
    stack.prometheus.wait_for(EARLY_IS_OVER, PATIENCE)
    stack.watch(STILL_FAILED, seconds=5)
    assert stack.notifications == dict.fromkeys((*of_offers, SIGN_OFF_LATE, CREDENTIAL), 1)

    stack.mend()
    told = both(REJECTED, BLOCKED, SIGN_OFF, SIGN_OFF_LATE, CREDENTIAL) | {FAILED: 1, EARLY: 1}
    stack.wait_for(*told)
    stack.wait_for_the_end()
    assert stack.notifications == told, "FAILED was silenced, and EARLY ended while nothing was known"


def offers_with_messages() -> dict[str, dict[str, Any]]:
    """One for each alert that tells somebody what to mend."""

    def said(level: str, html: str, when: str = "2026-03-01T10:00:00Z") -> dict[str, Any]:
        return {"messageHtml": html, "level": level, "timestamp": when}

    image = "<p>The image is <b>not</b> generalized &amp; has an <a href='https://example.com/a'>open port</a>.</p>"
    older = said("error", "An older one", "2026-02-01T10:00:00Z")
    logo = said("error", '<ul><li>No logo<li>No "terms"</ul>')
    quota = said("warning", "Waits for quota: " + "x" * 300)
    return {
        "failed": offer("failed", messages=(said("error", image), older)),
        "rejected": offer("failed", step("certification", "rejected", "", logo)),
        "blocked": offer("running", step("provisioning", "blocked", "", quota)),
        "sign_off": offer("running", step("publisher-signoff", "waitingForPublisherReview")),
        "early": offer("running", step("certification", "inProgress", "", said("error", image))),
    }


def check_texts(stack: Stack, *told: Notification) -> None:
    """Compare with the golden file, and request every link. Set UPDATE_GOLDEN to write the file anew."""
    texts = "\n\n".join(rendered(stack, one) for one in told) + "\n"
    links = re.findall(r"^[\w ]+: (http://127\.0\.0\.1:\S+)$", texts, re.MULTILINE)
    assert len(links) == 2 * len(told) - 1
    for url in links:
        assert requests.get(url, timeout=10).status_code == requests.codes.ok, url
    addresses = {stack.exporter_address: "exporter", f"127.0.0.1:{stack.receiver.server_port}": "receiver"}
    for address, name in addresses.items():
        texts = texts.replace(address, name)
    texts = re.sub(r"\w+day \d+ \w+ \d{4}, \d\d:\d\d UTC", "<date>", texts)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(texts, "utf-8")
    assert texts == GOLDEN.read_text("utf-8")


def rendered(stack: Stack, one: Notification) -> str:
    """The first message about it as the example's template writes it."""
    labels = {"alertname": f"AzureMarketplace{one.alert}", "severity": one.severity}
    messages = stack.receiver.messages
    data = stack.folder / "message.json"
    data.write_text(json.dumps(next(each for each in messages if labels.items() <= each["commonLabels"].items())))
    text = '{{ template "azure_marketplace.title" . }}\n{{ template "azure_marketplace.text" . }}\n'
    templates = ALERTMANAGER / "templates" / "*.tmpl"
    arguments = ("--template.glob", templates, "--template.text", text, "--template.data", data)
    done = run(stack.tool("amtool"), "template", "render", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def silence(stack: Stack, one: Notification) -> None:
    """Run the line of its runbook, and see that it silences just this alert."""
    name = f"AzureMarketplace{one.alert}"
    (line,) = re.findall(r"^amtool (silence add .*)$", (RUNBOOKS / f"{name}.md").read_text("utf-8"), re.MULTILINE)
    publisher, offer_id = one.subject.split("/")
    words = shlex.split(line.replace("PUBLISHER", publisher).replace("OFFER", offer_id))
    url = f"http://{stack.alertmanager_address}"
    done = run(stack.tool("amtool"), f"--alertmanager.url={url}", *words)
    assert done.returncode == 0, done.stderr

    def silenced() -> set[str]:
        found = requests.get(
            f"{url}/api/v2/alerts", params={"active": "false", "inhibited": "false"}, timeout=10
        ).json()
        return {each["labels"]["alertname"] for each in found if each["status"]["silencedBy"]}

    wait_until(lambda: silenced() == {name}, "the silence")


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
