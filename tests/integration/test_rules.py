"""The rules under the real promtool: that of Prometheus 2.42, the oldest we promise, and a current 3.x."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration._rules import RULES, TESTS, run

if TYPE_CHECKING:
    from collections.abc import Callable

    Tool = Callable[[str], Path]

both_versions = pytest.mark.parametrize("promtool", ["promtool", "promtool-3"])


@both_versions
def test_rules_are_valid(tool: Tool, promtool: str) -> None:
    done = run(tool(promtool), "check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert done.returncode == 0, done.stdout + done.stderr


@both_versions
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_unit_tests_pass(tool: Tool, promtool: str, path: Path) -> None:
    done = run(tool(promtool), "test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


BROKEN = {
    "offers": {
        "a known state replaces a remembered one": (
            "unless on (publisher_id, offer_id)\n            azure_marketplace_offer_status\n          )\n\n",
            ")\n\n",
        ),
        "states and times are joined on each target": (
            "* ignoring (status) group_left ()",
            "* on (publisher_id, offer_id) group_left ()",
        ),
        "sign-off becomes a warning after a day": ("< time() - 86400", "< time() - 8640"),
        "the news of a vanished offer lasts a working day": ("keep_firing_for: 8h", "keep_firing_for: 1h"),
        "only Microsoft's time counts": (
            '{party="microsoft"}\n          )\n          < time()',
            '{party=~".+"}\n          )\n          < time()',
        ),
    },
    "exporter": {
        "a publisher may leave the configuration": (
            "unless on (job)\n          azure_marketplace_exporter_build_info\n        for",
            "for",
        ),
        "a shard's replicas count once": (
            'count_values by (job) ("shard", azure_marketplace_exporter_shard_ordinal)',
            "azure_marketplace_exporter_shard_ordinal",
        ),
    },
}
CASES = [(group, promise) for group, promises in BROKEN.items() for promise in promises]


@pytest.mark.parametrize(("group", "promise"), CASES, ids=[promise for _, promise in CASES])
def test_unit_tests_notice_a_broken_promise(tool: Tool, tmp_path: Path, group: str, promise: str) -> None:
    """The unit tests can fail: each of these changes loses something that the rules promise."""
    line, broken = BROKEN[group][promise]
    rules = RULES.read_text()
    assert line in rules
    (tmp_path / RULES.name).write_text(rules.replace(line, broken))
    tests = next(path for path in TESTS if group in path.stem)
    (tmp_path / tests.name).write_text(tests.read_text())
    assert run(tool("promtool"), "test", "rules", tests.name, cwd=tmp_path).returncode == 1
