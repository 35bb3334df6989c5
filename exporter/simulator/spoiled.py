"""What a fault makes of an answer: pure functions from answers to answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.simulator.faults import Fault

__all__ = ["MADE_UP", "SPOILED", "Answer"]

_OVERSIZE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; the length is told by whoever sends it."""

    status: int
    headers: dict[str, str]
    body: bytes


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(value).encode())


def _status(fault: Fault, now: float) -> Answer:
    status = fault.status or HTTPStatus.SERVICE_UNAVAILABLE
    code = HTTPStatus(status).phrase.replace(" ", "") if status in set(HTTPStatus) else "Error"
    answer = _json({"error": {"code": code, "message": "Simulated."}} if fault.body is None else fault.body, status)
    return replace(answer, headers=answer.headers | _retry_after(fault, now) | fault.headers)


def _retry_after(fault: Fault, now: float) -> dict[str, str]:
    """`date:30` is an HTTP date in 30 seconds; everything else stands as it is, however absurd."""
    if fault.retry_after is None:
        return {}
    kind, _, seconds = str(fault.retry_after).partition(":")
    text = formatdate(now + float(seconds), usegmt=True) if kind == "date" else str(fault.retry_after)
    return {"retry-after": text}


def _respond(fault: Fault, _now: float) -> Answer:
    answer = _json(fault.body, fault.status or 200)
    if fault.text is not None:
        answer = replace(answer, body=fault.text.encode())
    return replace(answer, headers=answer.headers | fault.headers)


def _redirect(fault: Fault, _now: float) -> Answer:
    return Answer(fault.status or 302, {"location": fault.location}, b"")


def _null(fault: Fault, _now: float) -> Answer:
    return _json(None, fault.status or 200)


def _html(fault: Fault, _now: float) -> Answer:
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>We are sorry</h1></body></html>"
    return Answer(fault.status or 200, {"content-type": "text/html; charset=utf-8"}, page)


def _oversize(fault: Fault, _now: float) -> Answer:
    size = _OVERSIZE if fault.size is None else fault.size
    return replace(_json(None), body=b'["' + b"x" * max(size - 4, 0) + b'"]')


def _documented_sample(fault: Fault, _now: float) -> Answer:
    """Both mistakes of the reference page's example: no quote before `liveLinks`, and a comma before the last brace."""
    steps = [
        {"estimatedTimeFrame": "< 15 min", "id": "displaydummycertify", "stepName": "Validate Pre-Requisites"},
        {"estimatedTimeFrame": "~2-3 days", "id": "displaycertify", "stepName": "Certification"},
        {"estimatedTimeFrame": "< 1 day", "id": "displayprovision", "stepName": "Provisioning"},
        {"estimatedTimeFrame": "< 1 hour", "id": "displaypackage", "stepName": "Packaging"},
        {"estimatedTimeFrame": "~2-5 days", "id": "publisher-signoff", "stepName": "Publisher signoff"},
        {"estimatedTimeFrame": "~2-5 days", "id": "live", "stepName": "Live"},
    ]
    states = ("complete", "notStarted", "notStarted", "notStarted", "complete", "complete")
    for step, state in zip(steps, states, strict=True):
        percent = 100 if step["id"] == "displaydummycertify" else 0
        step |= {"description": "A step.", "status": state, "messages": [], "progressPercentage": percent}  # type: ignore[dict-item]
    body = f'{{"status": "succeeded", "messages": [], "steps": {json.dumps(steps)}, '
    return replace(_json(None, fault.status or 200), body=(body + '"previewLinks": [], liveLinks": [], }').encode())


def _truncated(_fault: Fault, answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _wrong_content_type(fault: Fault, answer: Answer) -> Answer:
    return replace(answer, headers=answer.headers | {"content-type": fault.content_type})


def _wrong_types(_fault: Fault, answer: Answer) -> Answer:
    return replace(answer, body=json.dumps(_other_type(json.loads(answer.body))).encode())


def _other_type(value: Any) -> Any:
    """Keep lists and objects, and give every value in them a type that it must not have."""
    if isinstance(value, dict):
        return {key: _other_type(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_other_type(inner) for inner in value] or "none"
    return {"text": value} if isinstance(value, str) else [value]


def _duplicated(_fault: Fault, answer: Answer) -> Answer:
    return _with_items(answer, lambda items: [item for item in items for _ in range(2)])


def _vanished(fault: Fault, answer: Answer) -> Answer:
    gone = fault.offers
    return _with_items(answer, lambda items: [item for item in items if gone and _name(item) not in gone])


def _name(item: Any) -> str:
    """The id of an offer in any of the three APIs."""
    externals = [entry["value"] for entry in item.get("externalIDs", [])] + [item.get("identity", {}).get("externalId")]
    return next((name for name in externals if name), str(item["id"]))


def _with_items(answer: Answer, change: Callable[[list[Any]], list[Any]]) -> Answer:
    """Change the items of a list, which is bare or in `value`; an answer without a list stays as it is."""
    body = json.loads(answer.body)
    if isinstance(body, list):
        body = change(body)
    elif isinstance(body, dict) and isinstance(body.get("value"), list):
        body |= {"value": change(body["value"])}
    return replace(answer, body=json.dumps(body).encode())


MADE_UP: dict[str, Callable[[Fault, float], Answer]] = {
    "status": _status,
    "respond": _respond,
    "redirect": _redirect,
    "null": _null,
    "html": _html,
    "oversize": _oversize,
    "documented_sample": _documented_sample,
}
"""Kinds that answer by themselves, from the fault and the real time."""

SPOILED: dict[str, Callable[[Fault, Answer], Answer]] = {
    "truncated_json": _truncated,
    "wrong_content_type": _wrong_content_type,
    "wrong_types": _wrong_types,
    "duplicate_offers": _duplicated,
    "vanishing_offers": _vanished,
}
"""Kinds that spoil the true answer."""
