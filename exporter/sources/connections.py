"""The sources that the settings name, each with its client and its limits; one token source per scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from exporter.config.settings import Settings, SourceSettings
from exporter.sources.auth.entra import token_source
from exporter.sources.auth.tokens import TokenSource
from exporter.sources.base import Source
from exporter.sources.http import ApiClient
from exporter.sources.rate_limit import RateLimiter
from exporter.sources.registry import SOURCES
from exporter.telemetry.metrics import Telemetry

__all__ = ["Connections"]


class Connections:
    """Makes what the publishers of the settings need, and no more; `sources` are those to choose from.

    `clock` is Unix time, `monotonic` and `wait` measure and spend seconds; `wait` returns True if it was ended early.

    Raises:
        ConfigError: a file that the credential needs is missing or cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        telemetry: Telemetry,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        wait: Callable[[float], bool],
        sources: Sequence[type[Source]] = SOURCES,
    ) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._clock = clock
        self._monotonic = monotonic
        self._wait = wait
        self._tokens: dict[str, TokenSource] = {}
        self._clients: list[ApiClient] = []
        self._limiters: dict[str, RateLimiter] = {}
        names = {name for publisher in settings.publishers for name in publisher.sources}
        self.sources: Mapping[str, Source] = {one.name: self._source(one) for one in sources if one.name in names}

    def secrets(self) -> tuple[str, ...]:
        """The secrets that are held now, for the log's blotting."""
        return tuple(secret for tokens in self._tokens.values() for secret in tokens.secrets())

    def pauses(self) -> Mapping[str, float]:
        """Until when each source wants not to be asked, on the monotonic clock."""
        return {name: limiter.paused_until for name, limiter in self._limiters.items()}

    def pause(self, pauses: Mapping[str, float]) -> None:
        """Take over the pauses of connections that are no longer used."""
        now = self._monotonic()
        for name, until in pauses.items():
            if name in self._limiters and until > now:
                self._limiters[name].pause(until - now)

    def close(self) -> None:
        """Close all idle connections."""
        for client in self._clients:
            client.close()

    def _source(self, kind: type[Source]) -> Source:
        own = self._settings.section(kind)
        return kind(self._client(kind, own), self._telemetry, own)

    def _client(self, kind: type[Source], own: SourceSettings) -> ApiClient:
        limiter = self._limiters[kind.name] = RateLimiter(
            own.requests_per_second,
            source=kind.name,
            telemetry=self._telemetry,
            clock=self._clock,
            monotonic=self._monotonic,
            wait=self._wait,
        )
        client = ApiClient(
            base_url=own.base_url,
            tokens=self._token_source(kind.name, own.scope),
            limiter=limiter,
            settings=self._settings.api,
            telemetry=self._telemetry,
            operations=kind.operations,
            clock=self._clock,
            monotonic=self._monotonic,
        )
        self._clients.append(client)
        return client

    def _token_source(self, name: str, scope: str) -> TokenSource:
        """Make it once per scope; in metrics a shared one goes by the source that came first."""
        if scope not in self._tokens:
            self._tokens[scope] = token_source(
                self._settings.auth,
                scope=scope,
                source=name,
                ca_file=self._settings.api.ca_file,
                telemetry=self._telemetry,
                clock=self._clock,
            )
        return self._tokens[scope]
