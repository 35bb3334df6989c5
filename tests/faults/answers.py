"""Whole answers, and what a fault makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.faults.faults import Fault

OVERSIZE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """A complete answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    async def start(self, send: Send) -> None:
        headers = self.headers | {"content-length": str(len(self.body))}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})

    async def send(self, send: Send) -> None:
        await self.start(send)
        await send({"type": "http.response.body", "body": self.body})


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(value).encode())


async def answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    """Let an application answer, and keep the answer here."""
    status, headers, body = 0, dict[str, str](), b""

    async def keep(message: Message) -> None:
        nonlocal status, headers, body
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            body += message.get("body", b"")

    await app(scope, receive, keep)
    return Answer(status, headers, body)


def status_answer(fault: Fault, now: float) -> Answer:
    status = fault.status or HTTPStatus.SERVICE_UNAVAILABLE
    code = HTTPStatus(status).phrase.replace(" ", "") if status in set(HTTPStatus) else "Error"
    answer = as_json({"error": {"code": code, "message": "Simulated."}} if fault.body is None else fault.body, status)
    return replace(answer, headers=answer.headers | retry_after(fault, now))


def retry_after(fault: Fault, now: float) -> dict[str, str]:
    """`date:30` is an HTTP date in 30 seconds; everything else stands as it is, however absurd."""
    if fault.retry_after is None:
        return {}
    kind, _, seconds = str(fault.retry_after).partition(":")
    text = formatdate(now + float(seconds), usegmt=True) if kind == "date" else str(fault.retry_after)
    return {"retry-after": text}


def html(fault: Fault, _now: float) -> Answer:
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>We are sorry</h1></body></html>"
    return Answer(fault.status or 200, {"content-type": "text/html; charset=utf-8"}, page)


def oversize(fault: Fault, _now: float) -> Answer:
    size = OVERSIZE if fault.size is None else fault.size
    return replace(as_json(None), body=b'["' + b"x" * max(size - 4, 0) + b'"]')


def documented_sample(_fault: Fault, _now: float) -> Answer:
    """Both mistakes of the reference page's example: no quote before `liveLinks`, and a comma before the last brace."""
    step = {"id": "live", "stepName": "Live", "status": "complete", "messages": [], "progressPercentage": 0}
    body = f'{{"status": "succeeded", "steps": [{json.dumps(step)}], "previewLinks": [], liveLinks": [], }}'
    return replace(as_json(None), body=body.encode())


def truncated(_fault: Fault, answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def wrong_content_type(_fault: Fault, answer: Answer) -> Answer:
    return replace(answer, headers=answer.headers | {"content-type": "text/plain"})


def wrong_types(_fault: Fault, answer: Answer) -> Answer:
    return replace(answer, body=json.dumps(other_type(json.loads(answer.body))).encode())


def other_type(value: Any) -> Any:
    """Keep lists and objects, and change the type of every value in them."""
    if isinstance(value, dict):
        return {key: other_type(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [other_type(inner) for inner in value] or "none"
    return {"text": value} if isinstance(value, str) else [value]


def duplicated(_fault: Fault, answer: Answer) -> Answer:
    return with_items(answer, lambda items: [item for item in items for _ in range(2)])


def vanished(fault: Fault, answer: Answer) -> Answer:
    gone = fault.offers
    return with_items(answer, lambda items: [item for item in items if gone and name_of(item) not in gone])


def name_of(item: Any) -> str:
    """The id of an offer in a list of any of the three APIs."""
    externals = [entry["value"] for entry in item.get("externalIDs", [])] + [item.get("identity", {}).get("externalId")]
    return next((name for name in externals if name), str(item["id"]))


def with_items(answer: Answer, change: Callable[[list[Any]], list[Any]]) -> Answer:
    """Change the items of a list, which is bare or in `value`; an answer without a list stays as it is."""
    body = json.loads(answer.body)
    if isinstance(body, list):
        body = change(body)
    elif isinstance(body, dict) and isinstance(body.get("value"), list):
        body |= {"value": change(body["value"])}
    return replace(answer, body=json.dumps(body).encode())


MADE_UP: dict[str, Callable[[Fault, float], Answer]] = {
    "status": status_answer,
    "respond": lambda fault, _: as_json(fault.body, fault.status or 200),
    "redirect": lambda fault, _: Answer(fault.status or 302, {"location": "https://elsewhere.invalid/"}, b""),
    "null": lambda fault, _: as_json(None, fault.status or 200),
    "html": html,
    "oversize": oversize,
    "documented_sample": documented_sample,
}
"""Kinds that answer by themselves, from the fault and the real time."""

SPOILED: dict[str, Callable[[Fault, Answer], Answer]] = {
    "truncated_json": truncated,
    "wrong_content_type": wrong_content_type,
    "wrong_types": wrong_types,
    "duplicate_offers": duplicated,
    "vanishing_offers": vanished,
}
"""Kinds that spoil the true answer."""
