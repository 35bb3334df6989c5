"""The chart, rendered by real Helm."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CHART = ROOT / "helm/azure-marketplace-exporter"
CASES = sorted(CHART.glob("ci/*-values.yaml"))

Object = dict[str, Any]

# The tool, for `template`; both read values and check them each in its own way.
each_helm = pytest.mark.parametrize("helm", ["helm", "helm-4"])
each_case = pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.removesuffix("-values.yaml"))


def run(*command: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment, or any other by its path."""
    arguments = [BIN / command[0], *command[1:]]
    return subprocess.run(arguments, input=stdin, capture_output=True, text=True, check=False, timeout=120)


def documents(text: str) -> tuple[Object, ...]:
    """Return the objects of a YAML stream."""
    return tuple(document for document in yaml.safe_load_all(text) if document)


@functools.cache
def rendered(case: Path, chart: Path = CHART) -> tuple[Object, ...]:
    """Return the objects that one file of values makes."""
    done = run("helm", "template", "marketplace", chart, "--namespace", "monitoring", "--values", case)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def template(
    *settings: str, chart: Path = CHART, values: dict[str, Any] | None = None, helm: str | Path = "helm"
) -> str:
    """Return what Helm renders, or what it says against the values."""
    flags = [flag for setting in settings for flag in ("--set", setting)]
    if values is not None:
        flags += ["--values", "-"]
    done = run(helm, "template", "marketplace", chart, "--namespace", "monitoring", *flags, stdin=json.dumps(values))
    return done.stdout if done.returncode == 0 else done.stderr


def objects(text: str, kind: str) -> list[Object]:
    """Return the objects of one kind."""
    assert not text.startswith("Error"), text
    return [item for item in documents(text) if item["kind"] == kind]
