"""What all tests share: the real tools, and the rule that a missing one is no excuse in CI."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

ROOT = Path(__file__).resolve().parent.parent
INTEGRATION = ROOT / "tests" / "integration"
# What Debian calls a program otherwise.
DEBIAN = {"alertmanager": ("prometheus-alertmanager",)}


def in_ci() -> bool:
    """Whether every tool has to be there: `.ci/run` and hosted runners set CI."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "optional_tool(reason): needs a tool that no package carries, so that it may be skipped in CI too"
    )
    hypothesis.settings.register_profile("no deadline", deadline=None)  # a busy machine is no failure
    hypothesis.settings.load_profile("no deadline")
    config.addinivalue_line("markers", "alone: measures times, so that it must not run beside other tests")


def must_not_skip(item: pytest.Item) -> bool:
    """Whether a skip of this test is a failure: in CI, for the tests that run real tools."""
    return in_ci() and INTEGRATION in item.path.parents and item.get_closest_marker("optional_tool") is None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and must_not_skip(item):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure in CI: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for a module that is skipped as a whole, by `importorskip` for example."""
    report = yield
    if report.skipped and in_ci() and INTEGRATION in collector.path.parents:
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure in CI: {report.longrepr}"
    return report


def find_tool(name: str) -> Path | None:
    """Look for a program in .tools/bin (see .ci/tools), beside the running Python, then on the path."""
    tools = Path(os.environ.get("TOOLS_DIR", ROOT / ".tools"))
    for folder in (str(tools / "bin"), str(Path(sys.executable).parent), None):
        for one in (name, *DEBIAN.get(name, ())):
            found = shutil.which(one, path=folder)
            if found:
                return Path(found)
    return None


@pytest.fixture(scope="session")
def tool() -> Callable[[str], Path]:
    """Return the path of a real program; without it the test is skipped, or fails in CI."""

    def get(name: str) -> Path:
        found = find_tool(name)
        if found is None:
            reason = f"{name} is not installed (see docs/development.md)"
            (pytest.fail if in_ci() else pytest.skip)(reason)
        return found

    return get


@pytest.fixture(scope="session")
def tools_data() -> Callable[[str], Path]:
    """Return a file or folder that .ci/tools made, such as `grafana/units.json` or `crds`; skip or fail without it."""

    def get(name: str) -> Path:
        found = Path(os.environ.get("TOOLS_DIR", ROOT / ".tools")) / name
        if not found.exists():
            reason = f"{name} is not in .tools (see docs/development.md)"
            (pytest.fail if in_ci() else pytest.skip)(reason)
        return found

    return get
