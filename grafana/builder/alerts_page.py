"""The table of alerts in docs/alerts.md, from the rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from grafana.rule_links import RULES

__all__ = ["PATH", "alerts_page"]

PATH = "docs/alerts.md"
_BEGIN, _END = "<!-- begin table: written by make generate -->", "<!-- end table -->"


def alerts_page() -> str:
    """Give the page as it is, with the table between its two marks made anew."""
    page = (Path(__file__).resolve().parents[2] / PATH).read_text("utf-8")
    before, rest = page.split(_BEGIN)
    _, after = rest.split(_END)
    return "\n".join((before + _BEGIN, "", *_table(), "", _END + after))


def _table() -> Iterator[str]:
    yield "| alert | severity | who acts | after | kept for |"
    yield "|---|---|---|---|---|"
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        name, labels = rule["alert"], rule["labels"]
        kept = rule.get("keep_firing_for", "-")
        yield f"| [{name}](runbooks/{name}.md) | {labels['severity']} | {labels['audience']} | {rule['for']} | {kept} |"
