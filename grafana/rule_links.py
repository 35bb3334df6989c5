"""Write the alert rules with links to runbooks and dashboards, each kind where the base of its addresses is given.

    python grafana/rule_links.py [--runbook-url URL] [--grafana-url URL] [FILE]

Without FILE they go to the standard output. `make rules` calls it; the chart and the demo stack use `with_links`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

__all__ = ["RULES", "main", "with_links"]

RULES = Path(__file__).resolve().parent / "rules" / "azure-marketplace.rules.yaml"
_ANNOTATIONS = re.compile(r"- alert: (?P<name>\w+)\n(?:(?!.*- alert: ).*\n)*?(?P<indent> +)annotations:\n")
_OFFER = "var-publisher_id={{ $labels.publisher_id | urlquery }}&var-offer_id={{ $labels.offer_id | urlquery }}"
_JOB = "var-job={{ $labels.job | urlquery }}"


def with_links(rules: str, *, runbook_url: str | None, grafana_url: str | None) -> str:
    """Add to each alert the annotations `runbook_url` and `dashboard_url`; without a base, that is None, it has none."""
    alerts = [rule for group in yaml.safe_load(rules)["groups"] for rule in group["rules"] if "alert" in rule]
    annotated = iter([rule for rule in alerts if "annotations" in rule])

    def add(found: re.Match[str]) -> str:
        links = _links(next(annotated), runbook_url, grafana_url)
        return found[0] + "".join(f"{found['indent']}  {name}: {value}\n" for name, value in links.items())

    return _ANNOTATIONS.sub(add, rules)


def _links(alert: dict[str, Any], runbook_url: str | None, grafana_url: str | None) -> dict[str, str]:
    links = {}
    if runbook_url is not None:
        links["runbook_url"] = f"{runbook_url.rstrip('/')}/{alert['alert']}.md"
    if grafana_url is not None:
        links["dashboard_url"] = f"{grafana_url.rstrip('/')}/d/{_dashboard(alert)}"
    return links


def _dashboard(alert: dict[str, Any]) -> str:
    """The dashboard that shows what the alert is about, with its variables."""
    name = alert["alert"]
    if name == "AzureMarketplaceOfferVanished":  # the page of one offer has nothing to show any more
        return f"azure-marketplace-overview?{_OFFER}"
    if alert["labels"]["component"] == "offers":
        return f"azure-marketplace-offer?{_OFFER}"
    return "azure-marketplace-exporter" + ("" if name == "AzureMarketplaceExporterAbsent" else f"?{_JOB}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the rules; gives the exit code."""
    parser = argparse.ArgumentParser(prog="grafana/rule_links.py", description="Write the alert rules with links.")
    parser.add_argument("--runbook-url", default="", help="where the folder docs/runbooks is served")
    parser.add_argument("--grafana-url", default="", help="the address of Grafana")
    parser.add_argument("file", nargs="?", type=Path, help="file to write")
    given = parser.parse_args(arguments)
    bases = {"runbook_url": given.runbook_url or None, "grafana_url": given.grafana_url or None}
    text = with_links(RULES.read_text("utf-8"), **bases)
    if given.file:
        given.file.parent.mkdir(parents=True, exist_ok=True)
        given.file.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
