"""The Alertmanager example under the real amtool: that of Alertmanager 0.25, the oldest we promise, and a current one."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration._rules import ALERTMANAGER, run

if TYPE_CHECKING:
    from collections.abc import Callable

    Tool = Callable[[str], Path]

CONFIG = ALERTMANAGER / "alertmanager.yaml"
TEMPLATES = ALERTMANAGER / "templates" / "*.tmpl"
ROUTED = (
    ("publisher-team", "audience=publisher", "severity=critical"),
    ("publisher-team", "audience=publisher", "severity=warning"),
    ("publisher-team", "audience=publisher", "severity=info"),
    ("platform-team", "audience=platform", "severity=critical"),
    ("platform-team", "audience=platform", "severity=warning"),
    ("platform-team", "alertname=Other"),
)
DASHBOARD = "http://localhost:3000/d/azure-marketplace-offer?var-publisher_id=contoso&var-offer_id=my-vm"

PAGE = "http://localhost:10142/offers/contoso/my-vm"

both_versions = pytest.mark.parametrize("amtool", ["amtool", "amtool-3"])

FIRING: dict[str, Any] = {
    "receiver": "publisher-team",
    "status": "firing",
    "externalURL": "http://localhost:9093",
    "groupLabels": {"alertname": "AzureMarketplaceOfferFailed"},
    "commonLabels": {"alertname": "AzureMarketplaceOfferFailed", "severity": "critical"},
    "commonAnnotations": {"summary": "Publishing contoso/my-vm failed"},
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "AzureMarketplaceOfferFailed", "severity": "critical"},
            "annotations": {
                "summary": "Publishing contoso/my-vm failed",
                "description": 'The submission of "Contoso <b>VM</b>" ended as failed.',
                "runbook_url": "https://example.com/AzureMarketplaceOfferFailed.md",
                "dashboard_url": DASHBOARD,
                "page_url": PAGE,
                "partner_center_url": "",
                "message": 'Microsoft says: "The <b>image</b> is not generalized."',
            },
            "startsAt": "2026-01-06T14:02:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
        }
    ],
}
RESOLVED = FIRING | {
    "status": "resolved",
    "alerts": [FIRING["alerts"][0] | {"status": "resolved", "endsAt": "2026-01-07T09:30:00Z"}],
}
TWO = FIRING | {
    "commonAnnotations": {},
    "alerts": [
        FIRING["alerts"][0],
        RESOLVED["alerts"][0] | {"annotations": FIRING["alerts"][0]["annotations"] | {"summary": "Another one"}},
    ],
}


@both_versions
def test_config_is_valid(tool: Tool, amtool: str) -> None:
    done = run(tool(amtool), "check-config", CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " - 1 templates" in done.stdout


@both_versions
def test_config_with_chat_and_mail_is_valid(tool: Tool, amtool: str, tmp_path: Path) -> None:
    """The commented lines too."""
    shutil.copytree(ALERTMANAGER / "templates", tmp_path / "templates")
    before, receivers = CONFIG.read_text().split("\nreceivers:")
    text = before + "\nreceivers:" + receivers.replace("\n    # ", "\n    ")
    assert [sorted(one) for one in yaml.safe_load(text)["receivers"]] == [
        ["email_configs", "name", "slack_configs", "webhook_configs"]
    ] * 2
    (tmp_path / CONFIG.name).write_text(text)
    done = run(tool(amtool), "check-config", tmp_path / CONFIG.name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("receiver_and_labels", ROUTED, ids=" ".join)
def test_each_alert_reaches_who_acts(tool: Tool, receiver_and_labels: tuple[str, ...]) -> None:
    receiver, *labels = receiver_and_labels
    done = run(tool("amtool"), "config", "routes", "test", "--config.file", CONFIG, *labels)
    assert done.stdout.strip() == receiver


def rendered(tool: Tool, template: str, data: dict[str, Any], tmp_path: Path, kind: str = "text") -> str:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(data))
    text = re.sub(r"(\w+)\n", r'{{ template "azure_marketplace.\1" . }}' "\n", template)
    arguments = ("--template.type", kind, "--template.glob", TEMPLATES, "--template.text", text)
    done = run(tool("amtool"), "template", "render", *arguments, "--template.data", path)
    assert done.returncode == 0, done.stderr
    return done.stdout


SAID = f"""\
The submission of "Contoso <b>VM</b>" ended as failed.
Microsoft says: "The <b>image</b> is not generalized."
What to do: https://example.com/AzureMarketplaceOfferFailed.md
The offer: {PAGE}
Dashboard: {DASHBOARD}"""
OVER = SAID.replace(SAID.partition("What")[0], "Over since Wednesday 7 January 2026, 09:30 UTC.\n")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(FIRING, f"danger\nCritical: Publishing contoso/my-vm failed\n{SAID}", id="firing"),
        pytest.param(RESOLVED, f"good\nResolved: Publishing contoso/my-vm failed\n{OVER}", id="resolved"),
        pytest.param(
            TWO,
            "danger\nCritical: AzureMarketplaceOfferFailed, 2 times\n"
            f"Publishing contoso/my-vm failed\n{SAID}\n\nResolved: Another one\n{OVER}",
            id="two",
        ),
        pytest.param(
            FIRING | {"commonLabels": {"severity": "warning"}},
            f"warning\nWarning: Publishing contoso/my-vm failed\n{SAID}",
            id="warning",
        ),
        pytest.param(
            FIRING | {"commonLabels": {}}, f"#439FE0\nFiring: Publishing contoso/my-vm failed\n{SAID}", id="mixed"
        ),
    ],
)
def test_messages_read_well(tool: Tool, tmp_path: Path, data: dict[str, Any], expected: str) -> None:
    assert rendered(tool, "color\ntitle\ntext\n", data, tmp_path).rstrip("\n") == expected


def test_mail_escapes_what_comes_from_outside(tool: Tool, tmp_path: Path) -> None:
    text = rendered(tool, "html\n", FIRING, tmp_path, kind="html")
    assert "<h1" in text
    assert "Contoso &lt;b&gt;VM&lt;/b&gt;" in text
    assert "<b>" not in text
    assert "var-publisher_id=contoso&amp;var-offer_id=my-vm" in text
