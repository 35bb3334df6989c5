"""One credential, its token and its failures, with a library that tests lead and a clock that they move."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.domain.errors import CredentialError
from exporter.sources.auth.fetched import COOL_DOWN, EARLY, FETCH_TIMEOUT, FetchedToken, Kept
from exporter.sources.auth.tokens import WatchedFile
from exporter.sources.bounded import current_deadline
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry
from tests.unit.make import Clock

LIFETIME = 3600


class Library:
    """Stands in for azure-identity: a credential keeps its token until five minutes before the end.

    `error` is what a fetch fails with, `takes` the seconds that it needs, `again` the token that comes again and again.
    """

    def __init__(self, clock: Clock, files: tuple[WatchedFile, ...]) -> None:
        self.clock, self.files = clock, files
        self.built = self.closed = self.fetched = 0
        self.error: Exception | None = None
        self.takes = 0.0
        self.again: str | None = None
        self.may_answer, self.is_asked = threading.Event(), threading.Event()
        self.may_answer.set()

    def build(self) -> Any:
        for one in self.files:
            one.read()
        self.built += 1
        kept = Kept(SimpleNamespace(get_token=self.fetch, close=self.close), self.clock)
        return SimpleNamespace(get_token=lambda scope: self.wait(kept, scope), close=self.close)

    def wait(self, kept: Kept, scope: str) -> Any:
        self.is_asked.set()
        assert self.may_answer.wait(10)
        return kept.get_token(scope)

    def fetch(self, scope: str) -> Any:
        assert scope == "scope"
        assert current_deadline.get().remaining() <= FETCH_TIMEOUT
        self.fetched += 1
        self.clock.now += self.takes
        if self.error is not None:
            raise self.error
        return SimpleNamespace(token=self.again or f"token-{self.fetched}", expires_on=int(self.clock.now) + LIFETIME)

    def close(self) -> None:
        self.closed += 1


class House:
    """A token and all that it stands on."""

    def __init__(self, *files: Path) -> None:
        self.clock, self.telemetry = Clock(), Telemetry()
        watched = tuple(WatchedFile(one) for one in files)
        self.library = Library(self.clock, watched)
        self.tokens = FetchedToken(
            self.library.build,
            method="client_secret",
            scope="scope",
            credential="default",
            source="cloud_partner",
            telemetry=self.telemetry,
            clock=self.clock,
            files=watched,
            given=("in the settings",),
        )

    def later(self, seconds: float, *, limit: float = 60) -> str:
        self.clock.now += seconds
        return self.tokens.token(Deadline(limit, self.clock))

    def fails(self, *, limit: float = 60) -> str:
        with pytest.raises(CredentialError) as error:
            self.later(0, limit=limit)
        return str(error.value)

    def told(self, name: str) -> float | None:
        return self.telemetry.registry.get_sample_value(
            f"azure_marketplace_exporter_{name}", {"credential": "default", "source": "cloud_partner"}
        )

    @contextmanager
    def somebody_waits(self) -> Iterator[Any]:
        """A request of another thread waits for the library during the block; its token is the future's result."""
        self.library.may_answer.clear()
        self.library.is_asked.clear()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.later, 0)
            assert self.library.is_asked.wait(10)
            try:
                yield waiting
            finally:
                self.library.may_answer.set()


def test_the_library_keeps_the_token_and_replaces_it() -> None:
    """One credential; a refresh is counted when another token comes."""
    house = House()
    assert [house.later(0), house.later(1), house.later(LIFETIME - EARLY - 2)] == ["token-1"] * 3
    assert house.told("token_refreshes_total") == 1
    assert house.later(2) == "token-2"
    assert (house.library.fetched, house.told("token_refreshes_total")) == (2, 2)
    assert house.told("token_expiry_timestamp_seconds") == int(house.clock.now) + LIFETIME
    assert (house.library.built, house.library.closed) == (2, 1), "the first was made to see what is wrong with it"


def test_secrets(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("in a file", encoding="utf-8")
    house = House(secret)
    assert house.tokens.secrets() == ("in the settings", "in a file")
    for _ in range(3):
        house.later(LIFETIME)
    assert house.tokens.secrets() == ("token-2", "token-3", "in the settings", "in a file")


def test_failure_while_the_old_one_is_good() -> None:
    """It is tried again after a while, told once each time, and used to the end."""
    house = House()
    house.later(0)
    house.library.error = ValueError("no")
    with capture_logs() as logs:
        assert [house.later(LIFETIME - EARLY + 1), *(house.later(1) for _ in range(20))] == ["token-1"] * 21
        assert (house.library.fetched, len(logs)) == (2, 1)
        assert house.later(COOL_DOWN) == "token-1"
        assert (house.library.fetched, len(logs)) == (3, 2)
    assert logs[0] == {
        "event": "token not replaced, the old one is still good",
        "log_level": "warning",
        "credential": "default",
        "source": "cloud_partner",
        "error": "client_secret: no",
    }
    assert house.told("token_refresh_failures_total") == 2
    house.clock.now += EARLY
    assert house.fails() == "client_secret: no"
    house.library.error = None
    assert house.later(COOL_DOWN) == "token-5"


@pytest.mark.parametrize("jump", [COOL_DOWN, 3600, -3600])
def test_failure_without_an_old_one(jump: float) -> None:
    """All who ask meanwhile get the same answer, and the token endpoint its peace, even if the clock jumps."""
    house = House()
    house.library.error = ValueError("wrong secret")
    assert {house.fails() for _ in range(5)} == {"client_secret: wrong secret"}
    assert (house.library.fetched, house.told("token_refresh_failures_total")) == (1, 1)
    house.library.error = None
    assert house.later(jump) == "token-2"
    assert house.library.built == 3, "a new credential does not remember the failure"


def test_refused_token_is_dropped() -> None:
    """At once, but not again and again: then it is not the token."""
    house = House()
    assert house.tokens.drop("never-had")
    assert house.tokens.drop(house.later(0))
    assert house.later(0) == "token-2"
    assert not house.tokens.drop("token-2")
    assert house.later(COOL_DOWN - 1) == "token-2"
    assert house.later(1) == "token-2"
    assert house.tokens.drop("token-2")
    assert house.later(0) == "token-3"
    assert house.tokens.drop("token-2"), "somebody else has replaced it already"
    assert house.later(0) == "token-3"


def test_refused_token_that_comes_again() -> None:
    """The endpoint of a managed identity has a cache of its own; no request may ask it twice."""
    house = House()
    house.library.again = "token"
    assert house.tokens.drop(house.later(0))
    assert house.later(0) == "token"
    assert not house.tokens.drop("token")
    assert (house.library.fetched, house.told("token_refreshes_total")) == (2, 1)


def test_token_that_is_refused_while_the_library_is_asked() -> None:
    """What it gives then may come from its cache, and is not kept."""
    house = House()
    house.later(0)
    with house.somebody_waits() as waiting:
        assert house.tokens.drop("token-1")
    assert waiting.result() == "token-1"
    assert house.later(0) == "token-2"


def test_changed_file_is_used_at_once(tmp_path: Path) -> None:
    """Before its token is due, and before a failure has cooled down."""
    secret = tmp_path / "secret"
    secret.write_text("one", encoding="utf-8")
    house = House(secret)
    assert [house.later(0), house.later(1)] == ["token-1", "token-1"]
    secret.write_text("second", encoding="utf-8")
    assert house.later(1) == "token-2"
    secret.unlink()
    assert [house.later(1), house.later(1)] == ["token-2", "token-2"], "away for a moment"
    assert house.told("token_refresh_failures_total") == 1
    secret.write_text("the third one", encoding="utf-8")
    assert house.later(1) == "token-3"


def test_threads_share_one_fetch() -> None:
    house = House()
    with house.somebody_waits(), ThreadPoolExecutor(20) as pool:
        got = [pool.submit(house.later, 0) for _ in range(20)]
        house.library.may_answer.set()
    assert {one.result() for one in got} == {"token-1"}
    assert house.library.fetched == 1


def test_nobody_waits_for_somebody_elses_fetch_longer_than_the_deadline() -> None:
    """Not at all where the old token is still good."""
    house = House()
    with house.somebody_waits() as waiting:
        assert house.fails(limit=0.01) == "no token in time: another request still waits for the token endpoint"
    assert waiting.result() == "token-1"
    with house.somebody_waits() as waiting:
        assert house.later(0) == "token-1"
        assert not waiting.done()


def test_fetch_without_enough_time_is_no_reason_to_wait_before_the_next() -> None:
    house = House()
    house.library.takes = 5
    assert house.fails(limit=3) == "client_secret: no answer in time"
    assert house.later(0) == "token-2"


def test_library_that_hides_a_late_failure() -> None:
    """It gives the old token after a refresh that hung, and would hang again at the next request."""
    house = House()
    house.library.takes = FETCH_TIMEOUT
    assert {house.fails() for _ in range(3)} == {"client_secret: no answer in time"}
    assert house.library.fetched == 1


def test_secret_that_is_quoted_is_hidden_before_the_reason_is_shortened() -> None:
    house = House()
    house.library.error = ValueError("x" * 1490 + "in the settings")
    assert house.fails() == "client_secret: " + "x" * 1490 + "[hidden]"
