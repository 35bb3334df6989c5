"""The alerting rules for Grafana's own alerting, made from the rules of Prometheus.

Grafana cannot evaluate the recording rules, which read what they recorded themselves; they stay in Prometheus, and the
rules here read what they record. A rule of Grafana fires on a value, not on being there: so each has a second query that
is 1 wherever the expression gives anything. What else differs are the texts: Grafana's templates cannot ask Prometheus.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

from grafana.rule_links import RULES

__all__ = ["PATH", "alerting"]

PATH = "grafana/alerting/azure-marketplace.yaml"
DATA_SOURCE = "prometheus"
_PREFIX = "AzureMarketplace"
_HEAD = f"""\
# Written by `make generate` from grafana/rules/; do not edit. For Grafana 11.6 and later: put it into the folder
# provisioning/alerting. The data source is the one with the uid "{DATA_SOURCE}"; load grafana/rules/ into it as well, because
# the rules here read what its recording rules record, and send its own alerts nowhere.
"""
_NAMED = re.compile(
    r"\{\{ with [^}]*(?:\}(?!\})[^}]*)*\| query[^}]*\}\}(?:(?!\{\{ else).)*\{\{ else \}\}(.*?)\{\{ end \}\}", re.DOTALL
)

Rule = dict[str, Any]


def alerting() -> str:
    """Give the file for Grafana's provisioning."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    names = Counter(rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule)
    content = {"apiVersion": 1, "groups": [_group(group, names) for group in groups]}
    return _HEAD + yaml.dump(content, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        """Write everything out, since Grafana's users copy single rules."""
        return True


def _group(group: Rule, names: Counter[str]) -> Rule:
    rules = [_rule(rule, is_one_of_several=names[rule["alert"]] > 1) for rule in group["rules"] if "alert" in rule]
    return {"orgId": 1, "name": group["name"], "folder": "Azure Marketplace", "interval": "1m", "rules": rules}


def _rule(rule: Rule, *, is_one_of_several: bool) -> Rule:
    name, severity = rule["alert"], rule["labels"]["severity"]
    short = name.removeprefix(_PREFIX)
    uid = f"azm-{short}-{severity}" if is_one_of_several else f"azm-{short}"
    return {
        "uid": uid.lower(),
        "title": f"{name} ({severity})" if is_one_of_several else name,
        "condition": "firing",
        "data": [_asked(rule["expr"]), _firing()],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": rule["for"],
        **({"keepFiringFor": rule["keep_firing_for"]} if "keep_firing_for" in rule else {}),
        "labels": rule["labels"],
        "annotations": {key: text for key, asked in rule["annotations"].items() if (text := _text(asked))},
        "isPaused": False,
    }


def _asked(expression: str) -> Rule:
    model = {
        "refId": "A",
        "expr": expression.strip(),
        "instant": True,
        "range": False,
        "intervalMs": 1000,
        "maxDataPoints": 100,
    }
    return {
        "refId": "A",
        "relativeTimeRange": {"from": 600, "to": 0},
        "datasourceUid": DATA_SOURCE,
        "model": model,
    }


def _firing() -> Rule:
    return {
        "refId": "firing",
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": "__expr__",
        "model": {"refId": "firing", "type": "math", "expression": "is_number($A) || is_inf($A)"},
    }


def _text(text: str) -> str:
    """Take what Prometheus' template says where its query finds nothing, and leave out sentences that are about the answer."""
    named = _NAMED.sub(lambda match: match[1], " ".join(text.split()))
    named = re.sub(r" of (\{\{ with .*?\| query \}\}.*?\{\{ end \}\})", "", named)
    sentences = [one for one in _sentences(named) if "| query" not in one]
    return re.sub(r"\$value\b", "$values.A.Value", " ".join(sentences))


def _sentences(text: str) -> Iterator[str]:
    """Split at full stops outside of templates."""
    yield from re.split(r"(?<=\.)\s+(?=[A-Z])(?![^{]*\}\})", text)
