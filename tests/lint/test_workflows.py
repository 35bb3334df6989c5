"""The workflows are valid, pinned and modest in what they may do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))
PINNED = re.compile(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    content: dict[str, Any] = yaml.safe_load(workflow.read_text("utf-8"))
    found: dict[str, dict[str, Any]] = content["jobs"]
    return found


def test_there_are_workflows() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "release"]


@each_workflow
def test_actions_are_pinned_to_a_commit_and_say_its_version(workflow: Path) -> None:
    used = re.findall(r"uses: *(.*)", workflow.read_text("utf-8"))
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


def test_one_version_of_each_action() -> None:
    pins: dict[str, set[str]] = {}
    for workflow in WORKFLOWS:
        for name, pin in re.findall(r"uses: *([^@]+)@(.*)", workflow.read_text("utf-8")):
            pins.setdefault(name, set()).add(pin)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


@each_workflow
def test_permissions_are_given_by_job(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text("utf-8"))["permissions"] == {}
    for name, job in jobs(workflow).items():
        assert job["permissions"], name
        assert job["timeout-minutes"] <= 60, name


def test_only_a_release_may_write() -> None:
    for job in jobs(ROOT / ".github/workflows/ci.yaml").values():
        assert job["permissions"] == {"contents": "read"}


def test_targets_that_workflows_call_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for workflow in WORKFLOWS:
        for target in re.findall(r"make ([a-z-]+)$", workflow.read_text("utf-8"), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@each_workflow
def test_actionlint(tool: Callable[[str], Path], workflow: Path) -> None:
    done = subprocess.run([tool("actionlint"), workflow], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@each_workflow
def test_zizmor(tool: Callable[[str], Path], workflow: Path) -> None:
    command: list[str | Path] = [tool("zizmor"), "--offline", "--pedantic", "--quiet", "--no-progress", workflow]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
