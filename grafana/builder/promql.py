"""Expressions about offers.

Replicas of the exporter are merged last. What belongs together, such as a state and the time when it began, is joined on
every single target first: a replica that is one refresh behind must not lend its time to the state of another.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from exporter.pages.palette import looks
from grafana.builder.metrics import offer_series

__all__ = ["DAY", "OFFER", "STEP", "age", "code", "count_in_state", "newest_since", "offer_name", "since", "state_code"]

OFFER = "publisher_id, offer_id"
STEP = "publisher_id, offer_id, step_id"
DAY = 86400

Series = Callable[..., str]


def state_code(
    metric: str, kind: type[StrEnum], label: str = "status", by: str = OFFER, series: Series = offer_series
) -> str:
    """Turn a state set into one number per offer: the place of its state in the enumeration."""
    return f"max by ({by}) ({code(metric, kind, label, series)})"


def code(metric: str, kind: type[StrEnum], label: str, series: Series = offer_series) -> str:
    """Do that for each target, with all labels: of its series one is 1, so that these are one for each."""
    return " or ".join(
        f'{one.code} * ({series(metric, f"""{label}="{one.state}" """.strip())} == 1)' for one in looks(kind)
    )


def count_in_state(metric: str, state: str, label: str = "status") -> str:
    """Count the offers in a state; 0 if there are none, nothing if there are no data."""
    selector = offer_series(metric, f'{label}="{state}"')
    return f"sum(max by ({OFFER}) ({selector}))"


def newest_since(metric: str, by: str = OFFER, *, label: str = "status", matcher: str = "") -> str:
    """Tell when the present state began, in Unix seconds: by the replica that saw it first, not by one that restarted."""
    return f"max by ({by}) (min by ({by}, {label}) ({since(metric, label, matcher)}))"


def since(metric: str, label: str, matcher: str = "") -> str:
    """Tell for each target when its present state began."""
    states = offer_series(metric, *([matcher] if matcher else []))
    return f"({states} == 1) * ignoring ({label}) group_left () {offer_series(metric + '_since_timestamp_seconds')}"


def offer_name() -> str:
    """Name the offers; one series per offer, whatever replicas say."""
    return f"topk by ({OFFER}) (1, max by ({OFFER}, display_name, offer_type) ({offer_series('offer_info')}))"


def age(selector: str, by: str) -> str:
    """Tell how old the newest of these timestamps is."""
    return f"time() - max by ({by}) ({selector})"
