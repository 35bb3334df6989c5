"""Offers that a test has written, over those of the scenario."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.simulator.clock import Clock, stamp
from tests.faults.answers import Answer, answer_of, as_json
from tests.faults.operations import Operation, operation_of


@dataclass(frozen=True)
class Offer:
    """The raw status answer, and the entry in the list."""

    status: Any
    entry: dict[str, Any]


class Written:
    """Serves what is written in the Cloud Partner Portal API; and takes it away again."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app, self._clock = app, clock
        self._offers: dict[tuple[str, str], Offer] = {}

    def put(self, publisher: str, offer: str, status: Any, entry: dict[str, Any]) -> None:
        told = status.get("status") if isinstance(status, dict) else None
        usual = {
            "offerTypeId": "microsoft-azure-virtualmachines",
            "publisherId": publisher,
            "status": told,
            "id": offer,
            "version": 1,
            "definition": {"displayText": offer},
            "changedTime": stamp(self._clock()),
        }
        self._offers[publisher, offer] = Offer(status, usual | entry)

    def remove(self, publisher: str, offer: str) -> None:
        self._offers.pop((publisher, offer), None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = operation_of(scope)
        if not self._offers or operation.name not in {"list_offers", "offer_status"}:
            await self._app(scope, receive, send)
        else:
            answer = await answer_of(self._app, scope, receive)
            is_admitted = answer.status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}
            await (self._changed(operation, answer) if is_admitted else answer).send(send)

    def _changed(self, operation: Operation, answer: Answer) -> Answer:
        if operation.name == "offer_status":
            return self._status(operation, answer)
        return self._list(operation.publisher, answer)

    def _status(self, operation: Operation, answer: Answer) -> Answer:
        offer = self._offers.get((operation.publisher, operation.offer))
        return answer if offer is None else as_json(offer.status)

    def _list(self, publisher: str, answer: Answer) -> Answer:
        mine = {name: offer for (owner, name), offer in self._offers.items() if owner == publisher}
        if not mine:
            return answer
        entries = json.loads(answer.body) if answer.status == HTTPStatus.OK else []
        kept = [entry for entry in entries if entry["id"] not in mine]
        return as_json([*kept, *(offer.entry for offer in mine.values())])
