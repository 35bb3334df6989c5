"""The rule of tests/conftest.py, seen from outside: a pytest of its own over a small tree of tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
TESTS = """
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
FILES = {
    "tests/unit/test_skips.py": TESTS,
    "tests/unit/test_tools.py": TOOLS,
    "tests/integration/test_skips.py": TESTS,
    "tests/integration/test_module.py": "import pytest\npytest.importorskip('no_such_module')",
    "tools/bin/promtool": "#!/bin/sh\n",
}


@pytest.mark.parametrize(
    ("ci", "expected"),
    [
        ("false", {"passed": 2, "skipped": 9, "xfailed": 2}),
        # In tests/integration, what skips itself has failed; what a marker skips fails before it starts, which pytest
        # calls an error, and so is a module that cannot be imported. The one optional tool may be missing.
        ("true", {"passed": 2, "skipped": 4, "failed": 3, "errors": 2, "xfailed": 2}),
    ],
    ids=["laptop", "CI"],
)
def test_a_missing_tool_is_no_excuse_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, expected: dict[str, int]
) -> None:
    for name, content in FILES.items():
        (pytester.path / name).parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / name).write_text(content, "utf-8")
    (pytester.path / "tools/bin/promtool").chmod(0o755)
    shutil.copy(CONFTEST, pytester.path / "tests")
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib --strict-markers\nxfail_strict = true")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("TOOLS_DIR", str(pytester.path / "tools"))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the start would take a second more
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--continue-on-collection-errors", "tests")
    assert result.parseoutcomes() == expected
