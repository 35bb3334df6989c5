"""docs/alerts.md is in step with the rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.grafana._rules import RULES, Alert, alerts

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "grafana" / "alerts_table.py"
PAGE = (ROOT / "docs" / "alerts.md").read_text()


@pytest.mark.parametrize("alert", alerts(), ids=str)
def test_each_alert_is_in_the_table(alert: Alert) -> None:
    cells = (
        f"[{alert.name}](runbooks/{alert.name}.md)",
        alert.labels["severity"],
        alert.labels["audience"],
        alert.hold,
        alert.keep or "-",
    )
    assert "| " + " | ".join(map(str, cells)) + " |\n" in PAGE


def test_the_table_has_no_other() -> None:
    assert PAGE.count("](runbooks/") == len(alerts())


def test_check_is_content_with_what_is_committed() -> None:
    assert subprocess.run([sys.executable, SCRIPT, "--check"], check=False).returncode == 0


def test_check_finds_a_difference_and_writing_mends_it(tmp_path: Path) -> None:
    for source in (SCRIPT, RULES, ROOT / "docs" / "alerts.md"):
        copy = tmp_path / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text().replace("for: 5m", "for: 6m"))
    command = [sys.executable, str(tmp_path / SCRIPT.relative_to(ROOT))]
    assert subprocess.run([*command, "--check"], check=False).returncode == 1
    assert subprocess.run(command, check=False).returncode == 0
    assert subprocess.run([*command, "--check"], check=False).returncode == 0
    assert "| 6m |" in (tmp_path / "docs" / "alerts.md").read_text()
