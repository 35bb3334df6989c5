"""An API that answers what a test has written down, over real HTTP and down to the bytes, and a source or client for it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from exporter.config.settings import ApiSettings
from exporter.domain.offers import Offer
from exporter.domain.texts import text
from exporter.sources.auth.tokens import TokenSource
from exporter.sources.base import Answer as Told
from exporter.sources.base import OfferQuery, Source
from exporter.sources.cloud_partner import CloudPartnerSource
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.rate_limit import RateLimiter
from exporter.sources.wire import UnknownValues
from exporter.telemetry.metrics import PREFIX, Telemetry
from tests.unit.make import Clock as StandingClock


class Handler(BaseHTTPRequestHandler):
    """Notes the request and gives the answer that is its turn."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Canned

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.server.asked.append(Asked(path, unquote(query.replace("+", " ")), dict(self.headers.items())))
        self.server.answer(path, self.server.asked[-1].query)(self)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Answer:
    """One answer; bytes are sent as they are, all else as JSON."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, handler: Handler) -> None:
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(content)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)


Reply = Callable[[Handler], None]


def raw(content: bytes) -> Reply:
    """These bytes, then the end of the connection."""

    def answer(handler: Handler) -> None:
        handler.connection.sendall(content)
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    return answer


@dataclass(frozen=True)
class Asked:
    """One request: path and query as people write them."""

    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def token(self) -> str:
        return self.headers["Authorization"].removeprefix("Bearer ")


class Canned(ThreadingHTTPServer):
    """Answers by path, or by path and query where both are written down; of several answers the last one stays.

    An answer is a body, an `Answer`, or what deals with the connection itself. What is not written down is 404, or what is
    written down for `*`.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[Asked] = []
        self.answers: dict[str, list[Reply]] = {}

    def clear(self) -> None:
        self.asked.clear()
        self.answers.clear()

    def put(self, where: str, *answers: Any) -> None:
        self.answers[where] = [one if callable(one) else Answer(one) for one in answers]

    def statuses(self, *statuses: int, body: Any = b"{}", **headers: str) -> None:
        """Answer everything with these statuses."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.put("*", *(Answer(body, status, named) for status in statuses))

    def paths(self) -> list[str]:
        """All paths asked for so far, with their queries."""
        return [f"{one.path}?{one.query}" if one.query else one.path for one in self.asked]

    def answer(self, path: str, query: str) -> Reply:
        for where in (f"{path}?{query}", path, "*"):
            if where in self.answers:
                left = self.answers[where]
                return left.pop(0) if len(left) > 1 else left[0]
        return Answer({"error": {"code": "NotFound", "message": "not written down"}}, 404)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients leave in the middle."""


@contextmanager
def serving() -> Iterator[Canned]:
    with Canned() as canned:
        thread = threading.Thread(target=canned.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield canned
        canned.shutdown()
        thread.join(10)


class Clock(StandingClock):
    """A clock that only moves when somebody waits, or a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.now += seconds
        return False


class Tokens:
    """A credential with an endless supply of tokens."""

    def __init__(self) -> None:
        self.dropped: list[str] = []

    def token(self, deadline: Deadline) -> str:
        deadline.check()
        return f"token-{len(self.dropped) + 1}"

    def drop(self, token: str) -> bool:
        self.dropped.append(token)
        return True

    def secrets(self) -> tuple[str, ...]:
        return (f"token-{len(self.dropped) + 1}",)


class Noting(UnknownValues):
    """Keeps what was odd, as text."""

    def __init__(self, telemetry: Telemetry, source: str, clock: Clock) -> None:
        super().__init__(telemetry, source, clock)
        self.noted: list[tuple[str, str]] = []

    def note(self, field: str, raw: Any, **where: str) -> None:
        self.noted.append((field, text(raw)))
        super().note(field, raw, **where)


class Bench:
    """A source over a canned API, with a clock and counters; `options` are those of its section, `api` those of all."""

    def __init__(
        self,
        canned: Canned,
        kind: type[Source] = CloudPartnerSource,
        options: Mapping[str, Any] | None = None,
        *,
        url: str = "",
        tokens: TokenSource | None = None,
        clock: Clock | None = None,
        **api: Any,
    ) -> None:
        self.canned, self.kind = canned, kind
        self.clock, self.telemetry = clock or Clock(), Telemetry()
        self.client = ApiClient(
            base_url=url or canned.url,
            tokens=tokens or Tokens(),
            limiter=RateLimiter(
                1000,
                credential="default",
                source=kind.name,
                telemetry=self.telemetry,
                clock=self.clock,
                monotonic=self.clock,
                wait=self.clock.wait,
            ),
            settings=ApiSettings(**{"max_retries": 0} | api),
            telemetry=self.telemetry,
            operations=kind.operations,
        )
        self.values = Noting(self.telemetry, kind.name, self.clock)
        self.source = kind(self.client, self.values, kind.settings(**options or {}))

    def deadline(self, seconds: float = 60) -> Deadline:
        return Deadline(seconds, self.clock)

    def get(self, path: str = "/x", seconds: float = 60) -> bytes:
        """Ask the client itself."""
        params = {"api-version": "2017-10-31"}
        return self.client.get("list_offers", path, params=params, deadline=self.deadline(seconds))

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
        """One of the exporter's own counters."""
        return self.telemetry.registry.get_sample_value(PREFIX + name, labels) or 0.0

    def requests(self, code: str) -> float:
        """How many requests of `get` had this status code."""
        return self.counted("api_requests_total", operation="list_offers", code=code)

    def odd(self) -> dict[str, float]:
        """The fields whose values could not be used, each with its count."""
        return self._by_label("unknown_values_total", "field")

    def operations(self) -> dict[str, float]:
        """The operations that were asked for, each with its count."""
        return self._by_label("api_requests_total", "operation")

    def _by_label(self, name: str, label: str) -> dict[str, float]:
        samples = [one for family in self.telemetry.registry.collect() for one in family.samples]
        return {one.labels[label]: one.value for one in samples if one.name == PREFIX + name and one.value}
