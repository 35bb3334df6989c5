from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, Json, panels_of

GENERATED = [
    f"grafana/{folder}/azure-marketplace-{name}.json"
    for folder in ("dashboards", "import")
    for name in ("exporter", "offer", "overview")
]


def generate(*arguments: str | Path, seed: str = "0") -> subprocess.CompletedProcess[str]:
    """Run the generator as `make generate` does; warnings, such as of deprecated builders, are errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "grafana/generate.py", *map(str, arguments)],
        cwd=ROOT,
        env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def files_below(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*.*")}


def test_the_files_are_as_the_generator_writes_them() -> None:
    checked = generate("--check")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_generation_is_deterministic(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        assert generate("--directory", tmp_path / seed, seed=seed).returncode == 0
    assert files_below(tmp_path / "1") == files_below(tmp_path / "2")
    others = ["docs/dashboards.md", "grafana/alerting/azure-marketplace.yaml"]
    assert sorted(files_below(tmp_path / "1")) == sorted([*others, *GENERATED])


def test_check_names_what_is_missing_edited_or_stray_and_generate_mends_it(tmp_path: Path) -> None:
    assert generate("--directory", tmp_path).returncode == 0
    (tmp_path / "grafana/dashboards/azure-marketplace-offer.json").unlink()
    (tmp_path / "grafana/import/azure-marketplace-overview.json").write_text("{}", "utf-8")
    (tmp_path / "grafana/dashboards/old.json").write_text("{}", "utf-8")
    checked = generate("--check", "--directory", tmp_path)
    assert checked.returncode == 1
    assert sorted(checked.stderr.splitlines()) == [
        "not up to date: grafana/dashboards/azure-marketplace-offer.json; run make generate",
        "not up to date: grafana/dashboards/old.json; run make generate",
        "not up to date: grafana/import/azure-marketplace-overview.json; run make generate",
    ]
    assert generate("--directory", tmp_path).returncode == 0
    assert generate("--check", "--directory", tmp_path).returncode == 0
    assert not (tmp_path / "grafana/dashboards/old.json").exists()


@pytest.mark.parametrize("name", ["exporter", "offer", "overview"])
def test_the_import_variant_differs_only_in_asking_for_the_data_source(name: str) -> None:
    provisioned, uploaded = (
        json.loads((ROOT / "grafana" / folder / f"azure-marketplace-{name}.json").read_text("utf-8"))
        for folder in ("dashboards", "import")
    )
    assert [one["name"] for one in uploaded.pop("__inputs")] == ["DS_PROMETHEUS"]
    required = {(one["type"], one["id"]) for one in uploaded.pop("__requires")}
    assert required == {("grafana", "grafana"), ("datasource", "prometheus")} | {
        ("panel", panel["type"]) for panel in panels_of(uploaded)
    }
    assert uploaded.pop("id") is None
    choice = next(one for one in uploaded["templating"]["list"] if one["type"] == "datasource").pop("current")
    assert choice["value"] == "${DS_PROMETHEUS}"
    assert "current" not in next(one for one in provisioned["templating"]["list"] if one["type"] == "datasource")
    assert uploaded == provisioned


def test_a_provisioned_dashboard_has_no_inputs_and_no_number(dashboard: Json) -> None:
    text = json.dumps(dashboard)
    assert "__inputs" not in text
    assert "${DS_" not in text
    assert "id" not in dashboard
