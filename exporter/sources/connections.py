"""The sources that the settings name, for each credential: each with its client and limits; one token source per scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from exporter.config.settings import Settings, SourceSettings
from exporter.domain.errors import ConfigError, Problem
from exporter.sources.auth.entra import tell_expiry, token_source
from exporter.sources.auth.tokens import TokenSource
from exporter.sources.base import Source
from exporter.sources.http import ApiClient
from exporter.sources.rate_limit import RateLimiter
from exporter.sources.registry import SOURCES
from exporter.sources.wire import UnknownValues
from exporter.telemetry.metrics import Telemetry

__all__ = ["Connections"]


class Connections:
    """Makes what the publishers of the settings need, and no more; `kinds` are those to choose from.

    `sources` has them by credential and name; what the APIs of one credential want never concerns another.

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
        kinds: Sequence[type[Source]] = SOURCES,
    ) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._clock = clock
        self._monotonic = monotonic
        self._wait = wait
        self._tokens: dict[tuple[str, str], TokenSource] = {}
        self._clients: list[ApiClient] = []
        self._limiters: dict[tuple[str, str], RateLimiter] = {}
        wanted: dict[str, set[str]] = {}
        for publisher in settings.publishers:
            wanted.setdefault(publisher.credential, set()).update(publisher.sources)
        self.sources: dict[str, Mapping[str, Source]] = {}
        problems: list[Problem] = []
        for credential, names in wanted.items():
            try:
                self.sources[credential] = {
                    one.name: self._source(credential, one) for one in kinds if one.name in names
                }
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(list(dict.fromkeys(problems)))
        self._tell_expiries()

    def _tell_expiries(self) -> None:
        """What was told of credentials before a reload may no longer be true."""
        self._telemetry.token_expiry_timestamp_seconds.clear()
        self._telemetry.credential_expiry_timestamp_seconds.clear()
        for name in self.sources:
            tell_expiry(name, self._settings.all_credentials[name], self._telemetry)

    def secrets(self) -> tuple[str, ...]:
        """The secrets that are held now, for the log's blotting."""
        return tuple(secret for tokens in self._tokens.values() for secret in tokens.secrets())

    def pauses(self) -> Mapping[tuple[str, str], float]:
        """Until when each source wants not to be asked, on the monotonic clock; by credential and name."""
        return {key: limiter.paused_until for key, limiter in self._limiters.items()}

    def pause(self, pauses: Mapping[tuple[str, str], float]) -> None:
        """Take over the pauses of connections that are no longer used."""
        now = self._monotonic()
        for key, until in pauses.items():
            if key in self._limiters and until > now:
                self._limiters[key].pause(until - now)

    def close(self) -> None:
        """Close all idle connections."""
        for client in self._clients:
            client.close()

    def _source(self, credential: str, kind: type[Source]) -> Source:
        own = self._settings.section(kind)
        values = UnknownValues(self._telemetry, kind.name, self._clock)
        return kind(self._client(credential, kind, own), values, own)

    def _client(self, credential: str, kind: type[Source], own: SourceSettings) -> ApiClient:
        limiter = self._limiters[credential, kind.name] = RateLimiter(
            own.requests_per_second,
            credential=credential,
            source=kind.name,
            telemetry=self._telemetry,
            clock=self._clock,
            monotonic=self._monotonic,
            wait=self._wait,
        )
        client = ApiClient(
            base_url=own.base_url,
            tokens=self._token_source(credential, kind.name, own.scope),
            limiter=limiter,
            settings=self._settings.api,
            telemetry=self._telemetry,
            operations=kind.operations,
        )
        self._clients.append(client)
        return client

    def _token_source(self, credential: str, source: str, scope: str) -> TokenSource:
        """Make it once per scope; in metrics a shared one goes by the source that came first."""
        key = credential, scope
        if key not in self._tokens:
            self._tokens[key] = token_source(
                self._settings.all_credentials[credential],
                scope=scope,
                credential=credential,
                source=source,
                ca_file=self._settings.api.ca_file,
                telemetry=self._telemetry,
                clock=self._clock,
            )
        return self._tokens[key]
