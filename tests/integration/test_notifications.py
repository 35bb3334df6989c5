"""What somebody reads at night: whole notifications by real programs, rendered, with every link requested."""

from __future__ import annotations

import json
import os
import re
import shlex
from typing import TYPE_CHECKING, Any

import requests

from tests.integration._alerting import Notification, Stack, offer, running_stack, step, until
from tests.integration._rules import ALERTMANAGER, ROOT, RUNBOOKS, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GOLDEN = ROOT / "tests" / "integration" / "golden" / "notifications.txt"
OFFERS, PLATFORM = "publisher-team", "platform-team"
EXPECTED = [
    Notification(OFFERS, "firing", "OfferFailed", "critical", "contoso/failed"),
    Notification(OFFERS, "firing", "OfferStepRejected", "critical", "contoso/rejected/certification"),
    Notification(OFFERS, "firing", "OfferStepBlocked", "warning", "contoso/blocked/provisioning"),
    Notification(OFFERS, "firing", "OfferSignOffPending", "info", "contoso/sign-off"),
    Notification(OFFERS, "firing", "OfferErrorMessages", "info", "contoso/early"),
    Notification(PLATFORM, "firing", "ExporterCredentialFailing", "critical", ""),
]
_DATE = re.compile(r"(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day \d+ \w+ \d{4}, \d\d:\d\d UTC")


def said(level: str, html: str, when: str = "2026-03-01T10:00:00Z") -> dict[str, Any]:
    return {"messageHtml": html, "level": level, "timestamp": when}


def offers(stack: Stack) -> None:
    """One for each alert that tells somebody what to mend."""
    error = said(
        "error",
        "<p>The image is <b>not</b> generalized &amp; has an <a href='https://example.com/a'>open port</a>.</p>",
    )
    older = said("error", "An older one", "2026-02-01T10:00:00Z")
    stack.put("contoso", "failed", offer("failed") | {"messages": [error, older]})
    rejected = step("certification", "rejected") | {"messages": [said("error", '<ul><li>No logo<li>No "terms"</ul>')]}
    stack.put("contoso", "rejected", offer("failed", rejected))
    blocked = step("provisioning", "blocked") | {"messages": [said("warning", "Waits for quota: " + "x" * 300)]}
    stack.put("contoso", "blocked", offer("running", blocked))
    stack.put("contoso", "sign-off", offer("running", step("publisher-signoff", "waitingForPublisherReview")))
    early = step("certification", "inProgress") | {"messages": [error]}
    stack.put("contoso", "early", offer("running", early))


def rendered(stack: Stack, one: Notification) -> str:
    """The first message about it as the example's template writes it, without what differs from run to run."""
    name = f"AzureMarketplace{one.alert}"
    message = next(
        message
        for message in list(stack.receiver.messages)
        if message["commonLabels"]["alertname"] == name and message["commonLabels"]["severity"] == one.severity
    )
    data = stack.folder / "message.json"
    data.write_text(json.dumps(message))
    text = '{{ template "azure_marketplace.title" . }}\n{{ template "azure_marketplace.text" . }}\n'
    templates = ALERTMANAGER / "templates" / "*.tmpl"
    arguments = ("--template.glob", templates, "--template.text", text, "--template.data", data)
    done = run(stack.tool("amtool"), "template", "render", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def without_ports(stack: Stack, text: str) -> str:
    for name, port in {**stack.ports, "receiver": stack.receiver.server_port}.items():
        text = text.replace(f"127.0.0.1:{port}", name)
    return _DATE.sub("<date>", text)


def links(text: str) -> Iterator[str]:
    yield from re.findall(r"^[\w ]+: (http://127\.0\.0\.1:\S+)$", text, re.MULTILINE)


def silence(stack: Stack, one: Notification) -> str:
    """Run the line of a runbook."""
    page = (RUNBOOKS / f"AzureMarketplace{one.alert}.md").read_text("utf-8")
    (line,) = re.findall(r"^amtool (silence add .*)$", page, re.MULTILINE)
    publisher, name = one.subject.split("/")[:2]
    words = shlex.split(line.replace("PUBLISHER", publisher).replace("OFFER", name))
    address = f"--alertmanager.url=http://127.0.0.1:{stack.ports['alertmanager']}"
    done = run(stack.tool("amtool"), address, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def silenced(stack: Stack) -> set[str]:
    url = f"http://127.0.0.1:{stack.ports['alertmanager']}/api/v2/alerts"
    found = requests.get(url, params={"active": "false", "inhibited": "false"}, timeout=10).json()
    return {one["labels"]["alertname"] for one in found if one["status"]["silencedBy"]}


def test_notifications_say_what_microsoft_said_and_lead_to_where_it_is_mended(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    """Set UPDATE_GOLDEN to write the file anew, and read the difference."""
    with running_stack(tmp_path, tool) as stack:
        offers(stack)
        stack.start_alerting()
        stack.wait_for(*EXPECTED[:-1])
        stack.fault(kind="status", status=401)
        stack.wait_for(*EXPECTED)
        texts = [rendered(stack, one) for one in EXPECTED]
        found = [url for text in texts for url in links(text)]
        assert len(found) == 2 * len(EXPECTED) - 1
        for url in found:
            assert requests.get(url, timeout=10).status_code == requests.codes.ok, url
        assert silence(stack, EXPECTED[0])
        until(lambda: silenced(stack) == {"AzureMarketplaceOfferFailed"}, 10, "the silence")
        shown = "\n\n".join(without_ports(stack, text) for text in texts) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(shown, "utf-8")
    assert shown == GOLDEN.read_text("utf-8")
