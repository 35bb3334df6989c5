"""The Alertmanager example under the real amtool: that of Alertmanager 0.25, the oldest we promise, and a current one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration._rules import ALERTMANAGER, RULES, run

if TYPE_CHECKING:
    from collections.abc import Callable

    Tool = Callable[[str], Path]

CONFIG = ALERTMANAGER / "alertmanager.yaml"
TEMPLATES = ALERTMANAGER / "templates" / "*.tmpl"
ALERTS = [
    (rule["alert"], rule["labels"])
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]

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


@pytest.mark.parametrize(("name", "labels"), ALERTS, ids=lambda one: one if isinstance(one, str) else one["severity"])
def test_each_alert_reaches_who_acts(tool: Tool, name: str, labels: dict[str, str]) -> None:
    matchers = [f"{label}={value}" for label, value in {"alertname": name, **labels}.items()]
    done = run(tool("amtool"), "config", "routes", "test", "--config.file", CONFIG, *matchers)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{labels['audience']}-team"


def test_strangers_go_to_the_platform_team(tool: Tool) -> None:
    done = run(tool("amtool"), "config", "routes", "test", "--config.file", CONFIG, "alertname=Other")
    assert done.stdout.strip() == "platform-team"


def rendered(tool: Tool, name: str, data: dict[str, Any], tmp_path: Path, kind: str = "text") -> str:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(data))
    template = f'{{{{ template "azure_marketplace.{name}" . }}}}'
    arguments = ("--template.type", kind, "--template.glob", TEMPLATES, "--template.text", template)
    done = run(tool("amtool"), "template", "render", *arguments, "--template.data", path)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("title", FIRING, "Critical: Publishing contoso/my-vm failed"),
        ("title", RESOLVED, "Resolved: Publishing contoso/my-vm failed"),
        ("title", TWO, "Critical: AzureMarketplaceOfferFailed, 2 times"),
        ("title", FIRING | {"commonLabels": {}}, "Firing: Publishing contoso/my-vm failed"),
        ("color", FIRING, "danger"),
        ("color", RESOLVED, "good"),
        ("color", FIRING | {"commonLabels": {"severity": "info"}}, "#439FE0"),
        (
            "text",
            FIRING,
            (
                'The submission of "Contoso <b>VM</b>" ended as failed.\n'
                'Microsoft says: "The <b>image</b> is not generalized."\n'
                "What to do: https://example.com/AzureMarketplaceOfferFailed.md\n"
                f"The offer: {PAGE}\n"
                f"Dashboard: {DASHBOARD}"
            ),
        ),
        (
            "text",
            TWO,
            (
                "Publishing contoso/my-vm failed\n"
                'The submission of "Contoso <b>VM</b>" ended as failed.\n'
                'Microsoft says: "The <b>image</b> is not generalized."\n'
                "What to do: https://example.com/AzureMarketplaceOfferFailed.md\n"
                f"The offer: {PAGE}\n"
                f"Dashboard: {DASHBOARD}\n"
                "\n"
                "Resolved: Another one\n"
                "Over since Wednesday 7 January 2026, 09:30 UTC.\n"
                "What to do: https://example.com/AzureMarketplaceOfferFailed.md\n"
                f"The offer: {PAGE}\n"
                f"Dashboard: {DASHBOARD}"
            ),
        ),
    ],
)
def test_messages_read_well(tool: Tool, tmp_path: Path, name: str, data: dict[str, Any], expected: str) -> None:
    assert rendered(tool, name, data, tmp_path).rstrip("\n") == expected


def test_mail_escapes_what_comes_from_outside(tool: Tool, tmp_path: Path) -> None:
    text = rendered(tool, "html", FIRING, tmp_path, kind="html")
    assert "<h1" in text
    assert "Contoso &lt;b&gt;VM&lt;/b&gt;" in text
    assert "<b>" not in text
    assert "var-publisher_id=contoso&amp;var-offer_id=my-vm" in text
