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
DEMO = ("demo.enabled=true",)
NAME = "marketplace-azure-marketplace-exporter"

Object = dict[str, Any]

each_case = pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.removesuffix("-values.yaml"))


class _Strict(yaml.CSafeLoader):
    """Refuses a key that stands twice, of which PyYAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return super().construct_mapping(node, deep)


def run(*command: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment, or any other by its path."""
    arguments = [BIN / command[0], *command[1:]]
    return subprocess.run(arguments, input=stdin, capture_output=True, text=True, check=False, timeout=120)


def documents(text: str) -> tuple[Object, ...]:
    """Return the objects of a YAML stream."""
    assert not text.startswith("Error"), text
    return tuple(document for document in yaml.load_all(text, _Strict) if document)


@functools.cache
def rendered(case: Path, chart: Path = CHART, helm: str | Path = "helm") -> tuple[Object, ...]:
    """Return the objects that one file of values makes."""
    done = run(helm, "template", "marketplace", chart, "--namespace", "monitoring", "--values", case)
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


def objects(found: str | tuple[Object, ...], kind: str) -> list[Object]:
    """Return the objects of one kind."""
    return [item for item in (documents(found) if isinstance(found, str) else found) if item["kind"] == kind]


def workload(case: Path) -> Object:
    """Return the Deployment or StatefulSet."""
    (found,) = objects(rendered(case), "Deployment") + objects(rendered(case), "StatefulSet")
    return found


def part(found: Any, like: Any) -> Any:
    """Return of an object what the other one speaks of; what is not there is None."""
    if isinstance(found, dict) and isinstance(like, dict):
        return {key: part(found.get(key), value) for key, value in like.items()}
    if isinstance(found, list) and isinstance(like, list) and len(found) == len(like):
        return [part(one, other) for one, other in zip(found, like, strict=True)]
    return found
