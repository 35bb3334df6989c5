"""The rule of tests/conftest.py, seen from outside: a pytest of its own over a small tree of tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
SKIPS = """
import pytest

def test_skips():
    pytest.skip("no such thing")

@pytest.mark.skip(reason="marked")
def test_marked():
    raise AssertionError

@pytest.mark.optional_tool(reason="only Grafana has it")
def test_optional():
    pytest.skip("no Grafana")

@pytest.mark.xfail(strict=True)
def test_expected():
    raise AssertionError
"""
TOOLS = """
def test_there(tool):
    assert tool("promtool").name == "promtool"

def test_missing(tool):
    tool("no-such-program")

def test_data(tools_data):
    assert tools_data("bin").is_dir()

def test_no_data(tools_data):
    tools_data("no-such-file.json")
"""
MODULE = """
import pytest

pytest.importorskip("no_such_module")
"""


@pytest.fixture
def tree(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return an empty project with our conftest.py, folders for both kinds of tests, and one tool."""
    for folder in ("tests/unit", "tests/integration", ".tools/bin"):
        (pytester.path / folder).mkdir(parents=True)
    shutil.copy(CONFTEST, pytester.path / "tests" / "conftest.py")
    program = pytester.path / ".tools" / "bin" / "promtool"
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o755)
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib --strict-markers\nxfail_strict = true")
    for name in ("CI", "TOOLS_DIR", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # each start would take a second
    return pytester


def outcomes(tree: pytest.Pytester, where: str, source: str) -> dict[str, int]:
    """Run the source as a test module of that folder in a process of its own."""
    (tree.path / "tests" / where / "test_it.py").write_text(source, "utf-8")
    result = tree.runpytest_subprocess("-p", "no:cacheprovider", "tests")
    return result.parseoutcomes()


def test_a_skip_is_a_skip_on_a_laptop(tree: pytest.Pytester) -> None:
    assert outcomes(tree, "integration", SKIPS) == {"skipped": 3, "xfailed": 1}


def test_a_skipped_integration_test_fails_in_ci(tree: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    # A test that skips itself has failed; one that a marker skips fails before it starts, which pytest calls an error.
    assert outcomes(tree, "integration", SKIPS) == {"failed": 1, "errors": 1, "skipped": 1, "xfailed": 1}


def test_a_skipped_unit_test_stays_skipped_in_ci(tree: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert outcomes(tree, "unit", SKIPS) == {"skipped": 3, "xfailed": 1}


@pytest.mark.parametrize(("ci", "expected"), [("", {"skipped": 1}), ("false", {"skipped": 1}), ("1", {"errors": 1})])
def test_a_module_that_skips_itself(
    tree: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, expected: dict[str, int]
) -> None:
    monkeypatch.setenv("CI", ci)
    assert outcomes(tree, "integration", MODULE) == expected


@pytest.mark.parametrize(("ci", "bad"), [("", "skipped"), ("true", "failed")])
def test_tools_are_looked_up(tree: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, bad: str) -> None:
    monkeypatch.setenv("CI", ci)
    assert outcomes(tree, "unit", TOOLS) == {"passed": 2, bad: 2}


def test_tools_dir_moves_the_tools(tree: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree.path / ".tools").rename(tree.path / "elsewhere")
    monkeypatch.setenv("TOOLS_DIR", str(tree.path / "elsewhere"))
    assert outcomes(tree, "unit", TOOLS) == {"passed": 2, "skipped": 2}
