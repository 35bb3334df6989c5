"""What the tests of rules and of the Alertmanager example share: where the files are, how to run a tool on them."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["ALERTMANAGER", "ROOT", "RULES", "RUNBOOKS", "TESTS", "run"]

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "grafana" / "rules" / "azure-marketplace.rules.yaml"
TESTS = sorted(RULES.parent.glob("*_test.yaml"))
ALERTMANAGER = ROOT / "grafana" / "alertmanager"
RUNBOOKS = ROOT / "docs" / "runbooks"


def run(*command: str | Path, cwd: Path = ROOT, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end and give its exit code and output."""
    return subprocess.run(
        [str(one) for one in command], cwd=cwd, input=text, capture_output=True, text=True, timeout=300, check=False
    )
