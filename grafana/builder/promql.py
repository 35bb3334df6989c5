"""Expressions about offers and steps.

Replicas of the exporter are merged last. What belongs together, such as a state and the time when it began, is joined on
every single target first: a replica that is one refresh behind must not lend its time to the state of another.
"""

from __future__ import annotations

from enum import StrEnum

from exporter.pages.palette import looks
from grafana.builder.metrics import offer_series

__all__ = [
    "OFFER",
    "STEP",
    "age",
    "count_in_state",
    "current_step",
    "elapsed_of_estimate",
    "newest_since",
    "of_current_step",
    "offer_name",
    "state_code",
    "step_state_code",
    "step_text",
]

OFFER = "publisher_id, offer_id"
STEP = "publisher_id, offer_id, step_id"
_STEP_TEXT = "step_name, position, estimated_time_frame"
_BEGUN = 'status!~"not_started|complete"'
_WITH_MICROSOFT = 'status=~"in_progress|waiting_for_approval"'


def state_code(metric: str, kind: type[StrEnum], label: str = "status", by: str = OFFER) -> str:
    """Turn a state set into one number per offer: the place of its state in the enumeration."""
    return f"max by ({by}) ({_code(metric, kind, label)})"


def step_state_code(metric: str, kind: type[StrEnum]) -> str:
    """Do that for steps, with name and place; the place has two digits, so that sorted series are in pipeline order."""
    named = f"({_code(metric, kind, 'status')}) * ignoring ({_STEP_TEXT}) group_left (step_name, position) {_info()}"
    padded = f'label_replace({named}, "position", "0$1", "position", "(.)")'
    return f"max by (publisher_id, offer_id, position, step_name, step_id) ({padded})"


def _code(metric: str, kind: type[StrEnum], label: str) -> str:
    terms = (f'{one.code} * {offer_series(metric, f"""{label}="{one.state}" """.strip())}' for one in looks(kind))
    return f"sum without ({label}) ({' or '.join(terms)})"


def count_in_state(metric: str, state: str, label: str = "status") -> str:
    """Count the offers in a state; 0 if there are none, nothing if there are no data."""
    selector = offer_series(metric, f'{label}="{state}"')
    return f"sum(max by ({OFFER}) ({selector}))"


def newest_since(metric: str, by: str = OFFER, *, label: str = "status", matcher: str = "") -> str:
    """Tell when the present state began, in Unix seconds: by the replica that saw it first, not by one that restarted."""
    return f"max by ({by}) (min by ({by}, {label}) ({_since(metric, label, matcher)}))"


def _since(metric: str, label: str, matcher: str = "") -> str:
    states = offer_series(metric, *([matcher] if matcher else []))
    return f"({states} == 1) * ignoring ({label}) group_left () {offer_series(metric + '_since_timestamp_seconds')}"


def _info() -> str:
    return offer_series("offer_step_info")


def _named(expression: str) -> str:
    return f"{expression} * ignoring (status, {_STEP_TEXT}) group_left (step_name, position) {_info()}"


def current_step() -> str:
    """Find the step that an offer is at: the one that changed last among those that began and are not complete."""
    named = _named(_since("offer_step_status", "status", _BEGUN))
    return f"topk by ({OFFER}) (1, min by ({STEP}, step_name, status) ({named}))"


def of_current_step(metric: str) -> str:
    """Read a number of that step."""
    return f"max by ({OFFER}) (max by ({STEP}) ({offer_series(metric)}) and on ({STEP}) {current_step()})"


def elapsed_of_estimate() -> str:
    """Tell how much of its estimate each step has used that Microsoft works on; steps without an estimate are left out."""
    since = _named(_since("offer_step_status", "status", _WITH_MICROSOFT))
    elapsed = f"time() - max by ({STEP}, step_name) (min by ({STEP}, step_name, status) ({since}))"
    estimate = f"max by ({STEP}) ({offer_series('offer_step_estimated_duration_seconds')})"
    theirs = f"""max by ({OFFER}) ({offer_series("offer_waiting_on", 'party="microsoft"')}) == 1"""
    return f"({elapsed}) / on ({STEP}) group_left () {estimate} and on ({OFFER}) ({theirs})"


def step_text() -> str:
    """Name the steps of each offer; one series per step, whatever replicas say."""
    padded = f'label_replace({_info()}, "position", "0$1", "position", "(.)")'
    return f"topk by ({STEP}) (1, max by ({STEP}, {_STEP_TEXT}) ({padded}))"


def offer_name() -> str:
    """Name the offers; one series per offer, whatever replicas say."""
    return f"topk by ({OFFER}) (1, max by ({OFFER}, display_name, offer_type) ({offer_series('offer_info')}))"


def age(selector: str, by: str) -> str:
    """Tell how old the newest of these timestamps is."""
    return f"time() - max by ({by}) ({selector})"
