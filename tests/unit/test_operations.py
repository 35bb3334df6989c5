"""docs/operations.md says nothing that is not so: its settings load, its names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter.config.options import load, options
from exporter.config.settings import _AUTH_NEEDS
from exporter.domain.errors import REASONS
from exporter.exposition.families import FAMILIES
from exporter.telemetry.metrics import OWN_METRICS, PREFIX

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "operations.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_good_settings(tmp_path: Path, example: str) -> None:
    file = tmp_path / "exporter.yaml"
    file.write_text(example, encoding="utf-8")
    assert load([f"--config.file={file}"], {}).publishers[0].id == "contoso"


def test_every_method_has_an_example() -> None:
    assert set(re.findall(r"^  method: (\w+)$", TEXT, re.MULTILINE)) == set(_AUTH_NEEDS)


def test_metrics_exist() -> None:
    known = {one.name for one in FAMILIES} | {one.name for one in OWN_METRICS.values()}
    full = set(re.findall(r"\bazure_marketplace_\w+[a-z]\b", TEXT)) - {PREFIX.removesuffix("_")}
    assert full
    assert full <= known
    table = TEXT.partition("## Failures")[2].partition("## State file")[0]
    short = set(re.findall(r"`((?:api|token|unknown)_\w+)", table))
    assert len(short) >= 6
    assert {PREFIX + one for one in short} <= known


def test_every_reason_is_explained() -> None:
    table = TEXT.partition("| `reason` |")[2].partition("\n\n")[0]
    assert {
        reason
        for row in re.findall(r"^\|[^|]*\|([^|]*)\|", table, re.MULTILINE)
        for reason in re.findall(r"`(\w+)`", row)
    } == set(REASONS)


def test_options_exist() -> None:
    known = {option.name for option in options()}
    named = set(re.findall(r"`((?:api|auth|collection|web|log)\.[a-z_]+)(?:: [^`]*)?`", TEXT))
    assert len(named) > 10
    assert named <= known
    flags = {option.flag for option in options()}
    assert set(re.findall(r"(--[a-z][a-z.-]+)", TEXT)) <= flags


@pytest.mark.parametrize("page", ["install.md", "operations.md", "scaling.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", (DOCS / page).read_text(encoding="utf-8")):
        text = (DOCS / (target or page)).read_text(encoding="utf-8")
        headings = [
            re.sub(r"[^\w -]", "", one).lower().replace(" ", "-")
            for one in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        ]
        assert not anchor or anchor in headings, (target, anchor)
