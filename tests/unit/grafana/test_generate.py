"""What `make generate` writes: dashboards, the same for import, and the rules as Grafana's own alerts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana import generate
from tests.unit.grafana._rules import Alert, alerts
from tests.unit.grafana.conftest import ROOT, Json, panels_of

ALERTING: Json = yaml.safe_load((ROOT / "grafana/alerting/azure-marketplace.yaml").read_text("utf-8"))
RULES: list[Json] = [rule for group in ALERTING["groups"] for rule in group["rules"]]


def test_the_files_are_as_the_generator_writes_them_whatever_the_hashes() -> None:
    """Warnings, such as of deprecated builders, are errors."""
    for seed in ("1", "2"):
        command = [sys.executable, "-W", "error", "grafana/generate.py", "--check"]
        done = subprocess.run(command, cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def test_check_names_what_is_missing_edited_or_stray_and_generate_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    for folder in ("docs", "grafana/dashboards", "grafana/import", "grafana/alerting"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "grafana/dashboards/azure-marketplace-offer.json").unlink()
    (tmp_path / "docs/alerts.md").write_text("", "utf-8")
    (tmp_path / "grafana/dashboards/old.json").write_text("{}", "utf-8")
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "not up to date: grafana/dashboards/azure-marketplace-offer.json; run make generate",
        "not up to date: docs/alerts.md; run make generate",
        "not up to date: grafana/dashboards/old.json; run make generate",
    ]
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


@pytest.mark.parametrize("name", ["exporter", "offer", "overview"])
def test_the_import_variant_differs_only_in_asking_for_the_data_source(name: str) -> None:
    provisioned, uploaded = (
        json.loads((ROOT / "grafana" / folder / f"azure-marketplace-{name}.json").read_text("utf-8"))
        for folder in ("dashboards", "import")
    )
    assert not {"id", "__inputs"} & provisioned.keys()
    assert [one["name"] for one in uploaded.pop("__inputs")] == ["DS_PROMETHEUS"]
    required = {(one["type"], one["id"]) for one in uploaded.pop("__requires")}
    assert required == {("grafana", "grafana"), ("datasource", "prometheus")} | {
        ("panel", panel["type"]) for panel in panels_of(uploaded)
    }
    assert uploaded.pop("id") is None
    choice = next(one for one in uploaded["templating"]["list"] if one["type"] == "datasource").pop("current")
    assert choice["value"] == "${DS_PROMETHEUS}"
    assert uploaded == provisioned


@pytest.mark.parametrize(("ours", "alert"), list(zip(RULES, alerts(), strict=True)), ids=list(map(str, alerts())))
def test_grafanas_alert_is_that_of_prometheus(ours: Json, alert: Alert) -> None:
    asked, firing = ours["data"]
    assert asked["model"]["expr"] == alert.expression.strip()
    assert ours["condition"] == firing["refId"]
    assert (ours["for"], ours.get("keepFiringFor"), ours["labels"]) == (alert.hold, alert.keep, alert.labels)
    assert re.fullmatch(r"[a-z0-9-]{1,40}", ours["uid"])
    for text in ours["annotations"].values():
        assert not re.search(r"\| query|\$value\b", text), "Grafana's templates ask nothing, and have values by name"
        assert text.count("{{") == text.count("}}")
    assert ours["annotations"]["summary"]
    assert ours["annotations"]["description"].endswith(".")


@pytest.mark.parametrize("name", ["uid", "title"])
def test_grafana_can_tell_the_alerts_apart(name: str) -> None:
    assert len({rule[name] for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("title", "key", "text"),
    [
        (
            "AzureMarketplaceOfferStepRejected",
            "summary",
            (
                "Microsoft rejected step {{ $labels.step_id }} of {{ $labels.publisher_id }}/{{ $labels.offer_id }}, "
                'seen since {{ ($values.A.Value | toTime).Format "Monday 2 January 2006, 15:04 MST" }}'
            ),
        ),
        (
            "AzureMarketplaceOfferStepOverdue (info)",
            "summary",
            "Step {{ $labels.step_id }} of {{ $labels.publisher_id }}/{{ $labels.offer_id }} is over its estimate",
        ),
        (
            "AzureMarketplaceExporterTargetDown",
            "description",
            "Another instance may still do the work; a shard has no other.",
        ),
    ],
)
def test_what_prometheus_would_look_up_is_left_out_of_the_texts(title: str, key: str, text: str) -> None:
    (rule,) = [rule for rule in RULES if rule["title"] == title]
    annotations: dict[str, Any] = rule["annotations"]
    assert annotations[key] == text
