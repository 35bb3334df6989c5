"""The rules under the real promtool: that of Prometheus 2.42, the oldest we promise, and a current 3.x."""

from __future__ import annotations

import shutil
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
def test_unit_tests_pass(tool: Tool, promtool: str) -> None:
    done = run(tool(promtool), "test", "rules", *TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "broken", "noticed_by"),
    [
        pytest.param(
            "unless on (publisher_id, offer_id)\n            azure_marketplace_offer_status\n          )\n\n",
            ")\n\n",
            "nothing is heard for hours",
            id="a known state replaces a remembered one",
        ),
        pytest.param(
            "* ignoring (status) group_left ()\n            azure_marketplace_offer_status_since_timestamp_seconds",
            "* on (publisher_id, offer_id) group_left ()\n"
            "            min by (publisher_id, offer_id) (azure_marketplace_offer_status_since_timestamp_seconds)",
            "two replicas tell one story",
            id="states and times are joined on each target",
        ),
        pytest.param(
            "< time() - 86400",
            "< time() - 8640",
            "sign-off shows only on the step",
            id="sign-off becomes a warning after a day",
        ),
        pytest.param(
            "keep_firing_for: 8h",
            "keep_firing_for: 1h",
            "an offer vanishes from a good list",
            id="the news of a vanished offer lasts a working day",
        ),
        pytest.param(
            '{party="microsoft"}\n          )\n          < time()',
            '{party=~".+"}\n          )\n          < time()',
            "Microsoft has an offer for more than two weeks",
            id="only Microsoft's time counts",
        ),
        pytest.param(
            "unless on (job)\n          azure_marketplace_exporter_build_info\n        for",
            "\n        for",
            "deploys",
            id="a publisher may leave the configuration",
        ),
        pytest.param(
            'count_values by (job) ("shard", azure_marketplace_exporter_shard_ordinal)',
            "azure_marketplace_exporter_shard_ordinal",
            "a shard is missing",
            id="a shard's replicas count once",
        ),
    ],
)
def test_unit_tests_notice_a_broken_promise(
    tool: Tool, tmp_path: Path, line: str, broken: str, noticed_by: str
) -> None:
    """The unit tests can fail: each of these changes loses something that the rules promise."""
    rules = RULES.read_text("utf-8")
    assert line in rules
    (tmp_path / RULES.name).write_text(rules.replace(line, broken), "utf-8")
    for path in TESTS:
        shutil.copy(path, tmp_path)
    done = run(
        tool("promtool-3"), "test", "rules", f"--run=^{noticed_by}", *(path.name for path in TESTS), cwd=tmp_path
    )
    assert done.returncode == 1
    assert "got:" in done.stdout + done.stderr
