"""What .ci/tools made is what the other tests take it for: each check passes good input and refuses bad input."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


ROOT = Path(__file__).resolve().parents[2]
MONITOR = """
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: exporter}
spec:
  selector: {matchLabels: {app: exporter}}
  endpoints: [{port: metrics, interval: 1m, targetPort: 10142}]
---
apiVersion: grafana.integreatly.org/v1beta1
kind: GrafanaDashboard
metadata: {name: offers}
spec: {instanceSelector: {matchLabels: {a: b}}, json: "{}"}
---
apiVersion: v1
kind: Service
metadata: {name: exporter}
spec: {ports: [{port: 10142, targetPort: metrics}]}
"""


@pytest.mark.parametrize("typo", ["intervall:", "instanceSelectors:", "targetPorts: metrics"])
def test_kubeconform_is_strict(tool: Callable[[str], Path], tools_data: Callable[[str], Path], typo: str) -> None:
    """The tests of the chart show that what is right passes."""
    schemas = f"{tools_data('kubernetes/1.37.0')}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    key, colon, value = typo.partition(":")
    result = subprocess.run(
        [tool("kubeconform"), "-strict", "-summary", "-output", "json", "-schema-location", schemas],
        input=MONITOR.replace(f"{key[:-1]}{colon}{value}", typo, 1),
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(result.stdout)["summary"] == {"valid": 2, "invalid": 1, "errors": 0, "skipped": 0}


@pytest.mark.parametrize("name", ["prometheus-3", "promtool-3"])
def test_prometheus_3_is_prometheus_3(tool: Callable[[str], Path], name: str) -> None:
    result = subprocess.run([tool(name), "--version"], capture_output=True, text=True, check=True)
    assert f"{name.removesuffix('-3')}, version 3." in result.stdout


def test_the_scripts_pass_shellcheck(tool: Callable[[str], Path]) -> None:
    scripts = [ROOT / ".ci" / "run", ROOT / ".ci" / "tools"]
    result = subprocess.run([tool("shellcheck"), *scripts], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_a_second_run_of_the_installer_does_nothing(
    tool: Callable[[str], Path], tools_data: Callable[[str], Path]
) -> None:
    tool("prometheus-3")
    stamps = tools_data("stamps")
    before = {path: path.stat().st_mtime_ns for path in stamps.iterdir()}
    result = subprocess.run([ROOT / ".ci" / "tools"], capture_output=True, text=True, check=True, timeout=60)
    assert {path: path.stat().st_mtime_ns for path in stamps.iterdir()} == before
    assert "prometheus-3 " in result.stdout
