"""Expressions about steps: which one an offer is at, what each is called, and how it does against its estimate."""

from __future__ import annotations

from enum import StrEnum

from grafana.builder.metrics import offer_series
from grafana.builder.promql import OFFER, STEP, Series, code, newest_since, since, state_code

__all__ = [
    "current_step",
    "current_step_state",
    "due",
    "elapsed_of_estimate",
    "expected_live",
    "named",
    "names",
    "of_current_step",
    "stands",
    "step_state_code",
    "step_text",
    "with_microsoft",
]

_STEP_TEXT = "step_name, position, estimated_time_frame"
_BEGUN = 'status!~"not_started|complete"'
_WITH_MICROSOFT = 'status=~"in_progress|waiting_for_approval"'


def step_state_code(metric: str, kind: type[StrEnum], series: Series = offer_series) -> str:
    """Give the place of each step's state, with name and place; padded, so that sorted series are in pipeline order."""
    with_text = (
        f"({code(metric, kind, 'status', series)}) * ignoring (status, {_STEP_TEXT}) group_left (step_name, position) "
    )
    padded = f'label_replace({with_text}{_info(series)}, "position", "0$1", "position", "(.)")'
    # Beside its rows, a timeline cuts what is longer, at its beginning.
    padded = f'label_replace({padded}, "step_name", "$1...", "step_name", "(.{{30}}).{{4,}}")'
    return f"max by (publisher_id, offer_id, position, step_name, step_id) ({padded})"


def _info(series: Series = offer_series) -> str:
    return series("offer_step_info")


def _named_each(expression: str) -> str:
    return f"{expression} * ignoring (status, {_STEP_TEXT}) group_left (step_name, position) {_info()}"


def named(expression: str, *labels: str) -> str:
    """Put the names of steps to an expression that has one series per step, besides `labels` of its own."""
    by = ", ".join((STEP, *labels))
    return f"max by ({by}, step_name) ({expression} * on ({STEP}) group_left (step_name) {names()})"


def names() -> str:
    """Name each step, whatever replicas say."""
    return f"topk by ({STEP}) (1, max by ({STEP}, step_name) ({_info()}))"


def current_step() -> str:
    """Find the step that an offer is at: the one that changed last among those that began and are not complete."""
    with_name = _named_each(since("offer_step_status", "status", _BEGUN))
    return f"topk by ({OFFER}) (1, min by ({STEP}, step_name, status) ({with_name}))"


def current_step_state(kind: type[StrEnum]) -> str:
    """Tell the place of that step's state in the enumeration, with its name."""
    states = state_code("offer_step_status", kind, by=STEP)
    return f"{states} + on ({STEP}) group_left (step_name) 0 * {current_step()}"


def stands() -> str:
    """Tell where each offer stands, in the label `stands`: `NAME: STATE` of its step, or its own state if it is at none."""
    at = f'label_join({current_step()}, "stands", ": ", "step_name", "status")'
    own = f"topk by ({OFFER}) (1, max by ({OFFER}, status) ({offer_series('offer_status')} == 1))"
    return f'max by ({OFFER}, stands) ({at} or on ({OFFER}) label_join({own}, "stands", "", "status"))'


def of_current_step(metric: str) -> str:
    """Read a number of that step."""
    return f"max by ({OFFER}) (max by ({STEP}) ({offer_series(metric)}) and on ({STEP}) {current_step()})"


def _theirs() -> str:
    return f"""max by ({OFFER}) ({offer_series("offer_waiting_on", 'party="microsoft"')}) == 1"""


def with_microsoft() -> str:
    """Tell since when each step is in Microsoft's hands, with its name and what Microsoft says that it takes."""
    begun = since("offer_step_status", "status", _WITH_MICROSOFT)
    text = "step_name, estimated_time_frame"
    each = f"{begun} * ignoring (status, {_STEP_TEXT}) group_left ({text}) {_info()}"
    return f"min by ({STEP}, {text}) ({each}) and on ({OFFER}) ({_theirs()})"


def due() -> str:
    """Tell when each of those steps reaches the upper end of its estimate; steps without one are left out."""
    estimate = f"max by ({STEP}) ({offer_series('offer_step_estimated_duration_seconds')})"
    began = newest_since("offer_step_status", STEP, matcher=_WITH_MICROSOFT)
    return f"({began} + on ({STEP}) {estimate} and on ({OFFER}) ({_theirs()}))"


def expected_live(quantile: str) -> str:
    """Tell of each of those steps when its offer goes live, with this probability before that."""
    forecast = offer_series("offer_expected_live_timestamp_seconds", f'quantile="{quantile}"')
    return f"0 * ({with_microsoft()}) + on ({OFFER}) group_left () max by ({OFFER}) ({forecast})"


def elapsed_of_estimate() -> str:
    """Tell how much of its estimate each of those steps has used."""
    estimate = f"max by ({STEP}) ({offer_series('offer_step_estimated_duration_seconds')})"
    elapsed = f"time() - {newest_since('offer_step_status', STEP, matcher=_WITH_MICROSOFT)}"
    return f"({elapsed}) / on ({STEP}) {estimate} and on ({OFFER}) ({_theirs()})"


def step_text() -> str:
    """Name the steps of each offer; one series per step, whatever replicas say."""
    padded = f'label_replace({_info()}, "position", "0$1", "position", "(.)")'
    return f"topk by ({STEP}) (1, max by ({STEP}, {_STEP_TEXT}) ({padded}))"
