"""Writes the table of alerts in docs/alerts.md from the rules, so that the two cannot differ.

python grafana/alerts_table.py          write it
python grafana/alerts_table.py --check  exit 1 if the page is not in step
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["main", "render", "table"]

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "grafana" / "rules" / "azure-marketplace.rules.yaml"
PAGE = ROOT / "docs" / "alerts.md"
BEGIN = "<!-- begin table: made by grafana/alerts_table.py -->"
END = "<!-- end table -->"


def table(rules: str) -> str:
    """Render the alerts of a rules file as a Markdown table, in the file's order."""
    lines = ["| alert | severity | who acts | after | kept for |", "|---|---|---|---|---|"]
    for rule in _alerts(rules):
        labels = rule["labels"]
        name = f"[{rule['alert']}](runbooks/{rule['alert']}.md)"
        cells = (name, labels["severity"], labels["audience"], rule["for"], rule.get("keep_firing_for", "-"))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _alerts(rules: str) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(rules)["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)


def render(page: str, rules: str) -> str:
    """Put the table between its two marks.

    Raises:
        ValueError: The page does not have both marks.
    """
    marked = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not marked.search(page):
        raise ValueError(f"{PAGE.name} lacks the marks of the table")
    return marked.sub(lambda _: f"{BEGIN}\n\n{table(rules)}\n{END}", page)


def main(arguments: list[str]) -> int:
    """Write or check the page; give the exit code."""
    now = PAGE.read_text(encoding="utf-8")
    wanted = render(now, RULES.read_text(encoding="utf-8"))
    if "--check" not in arguments:
        PAGE.write_text(wanted, encoding="utf-8")
    elif now != wanted:
        print(f"{PAGE.relative_to(ROOT)} is not in step with the rules: run python grafana/alerts_table.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
