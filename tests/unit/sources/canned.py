"""An API that answers what a test has written down, over real HTTP, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from exporter.config.settings import ApiSettings
from exporter.domain.offers import Offer
from exporter.simulator import serve_in_thread
from exporter.sources.base import Answer as Told
from exporter.sources.base import OfferQuery, Source
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.rate_limit import RateLimiter
from exporter.telemetry.metrics import Telemetry


@dataclass(frozen=True)
class Answer:
    """One answer; bytes are sent as they are, all else as JSON."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    """One request: path and query as people write them, and the token."""

    path: str
    query: str
    token: str


class Canned:
    """Answers by path, or by path and query where both are written down; of several answers the last one stays.

    What is not written down is 404.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self._answers: dict[str, list[Answer]] = {}

    def clear(self) -> None:
        self.asked.clear()
        self._answers.clear()

    def put(self, where: str, *answers: Answer | Any) -> None:
        self._answers[where] = [one if isinstance(one, Answer) else Answer(one) for one in answers]

    def first(self, where: str, answer: Answer) -> None:
        """Give this answer before those that are written down."""
        self._answers[where].insert(0, answer)

    def paths(self) -> list[str]:
        """All paths asked for so far, with their queries."""
        return [f"{one.path}?{one.query}" if one.query else one.path for one in self.asked]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = unquote(scope["query_string"].decode().replace("+", " "))
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        path = scope["raw_path"].decode().partition("?")[0]
        self.asked.append(Asked(path, query, headers.get("authorization", "").removeprefix("Bearer ")))
        answer = self._answer(path, query)
        lines = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": lines})
        await send({"type": "http.response.body", "body": answer.content()})

    def _answer(self, path: str, query: str) -> Answer:
        for where in (f"{path}?{query}", path):
            if where in self._answers:
                left = self._answers[where]
                return left.pop(0) if len(left) > 1 else left[0]
        return Answer({"error": {"code": "NotFound", "message": "not written down"}}, 404)


@contextmanager
def serving() -> Iterator[Canned]:
    canned = Canned()
    with serve_in_thread(canned) as server:
        canned.url = server.url
        yield canned


class Clock:
    """A clock that only moves when somebody waits, or a test moves it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.now += seconds
        return False


class Tokens:
    """A credential with an endless supply of tokens."""

    def __init__(self) -> None:
        self.dropped: list[str] = []

    def token(self, deadline: Deadline) -> str:
        assert deadline.remaining()
        return f"token-{len(self.dropped) + 1}"

    def drop(self, token: str) -> bool:
        self.dropped.append(token)
        return True

    def secrets(self) -> tuple[str, ...]:
        return (f"token-{len(self.dropped) + 1}",)


@dataclass
class Bench:
    """A source over a canned API, with a clock and counters."""

    canned: Canned
    kind: type[Source]
    options: Mapping[str, Any] = field(default_factory=dict)
    retries: int = 0

    def __post_init__(self) -> None:
        self.canned.clear()
        self.clock, self.tokens, self.telemetry = Clock(), Tokens(), Telemetry()
        limiter = RateLimiter(
            1000,
            credential="default",
            source=self.kind.name,
            telemetry=self.telemetry,
            clock=self.clock,
            monotonic=self.clock,
            wait=self.clock.wait,
        )
        self.client = ApiClient(
            base_url=self.canned.url,
            tokens=self.tokens,
            limiter=limiter,
            settings=ApiSettings(max_retries=self.retries),
            telemetry=self.telemetry,
            operations=self.kind.operations,
            clock=self.clock,
            monotonic=self.clock,
        )
        self.source = self.kind(self.client, self.telemetry, self.kind.settings(**self.options))

    def deadline(self, seconds: float = 60) -> Deadline:
        return Deadline(seconds, self.clock)

    def list_offers(self) -> dict[str, Offer]:
        offers = self.source.list_offers("contoso", self.deadline()).offers
        known = {one.offer_id: one for one in offers}
        assert len(known) == len(offers)
        return known

    def ask(self, listed: Offer | None = None, offer_id: str = "gateway", **query: Any) -> Told:
        return self.source.fetch_offer(OfferQuery("contoso", offer_id, listed, **query), self.deadline())

    def fetch(self, listed: Offer | None = None, offer_id: str = "gateway", **query: Any) -> Offer:
        """Ask for what must come without gaps."""
        told = self.ask(listed, offer_id, **query)
        assert told.gaps == ()
        return told.offer

    def counted(self, name: str, **labels: str) -> float:
        """Read one of the exporter's own counters."""
        return self.telemetry.registry.get_sample_value(f"azure_marketplace_exporter_{name}", labels) or 0.0

    def odd(self) -> dict[str, float]:
        """The fields whose values could not be used, each with its count."""
        name = "azure_marketplace_exporter_unknown_values_total"
        samples = [one for family in self.telemetry.registry.collect() for one in family.samples if one.name == name]
        return {one.labels["field"]: one.value for one in samples if one.value}
