"""Tokens that are given, read and fetched, with a clock that tests move."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from exporter.domain.errors import CredentialError
from exporter.sources.auth.tokens import COOL_DOWN, EARLY, USABLE, FetchedToken, FileToken, StaticToken, WatchedFile
from exporter.telemetry.metrics import Telemetry
from tests.unit.make import Clock


@dataclass
class Token:
    token: str
    expires_on: int


class House:
    """A token that is fetched; `lifetime` is that of the next one, `error` what it fails with instead."""

    def __init__(self, *files: Path) -> None:
        self.clock, self.telemetry = Clock(), Telemetry()
        self.lifetime, self.fetched = 3600, 0
        self.error: CredentialError | None = None
        self.tokens = FetchedToken(
            self.fetch,
            source="cloud_partner",
            telemetry=self.telemetry,
            clock=self.clock,
            files=tuple(WatchedFile(one) for one in files),
        )

    def fetch(self) -> Token:
        self.fetched += 1
        if self.error is not None:
            raise self.error
        return Token(f"token-{self.fetched}", int(self.clock.now) + self.lifetime)

    def later(self, seconds: float) -> str:
        self.clock.now += seconds
        return self.tokens.token()

    def told(self, name: str) -> float | None:
        return self.telemetry.registry.get_sample_value(
            f"azure_marketplace_exporter_{name}", {"source": "cloud_partner"}
        )


def test_one_token_serves_until_it_is_due() -> None:
    house = House()
    assert house.tokens.secrets() == ()
    assert [house.later(0), house.later(1), house.later(3600 - EARLY - 2)] == ["token-1"] * 3
    assert house.later(2) == "token-2"
    assert (house.fetched, house.told("token_refreshes_total")) == (2, 2)
    assert house.told("token_expiry_timestamp_seconds") == int(house.clock.now) + 3600
    assert house.tokens.secrets() == ("token-2",)


@pytest.mark.parametrize(
    ("lifetime", "due"), [(7200, 7200 - EARLY), (600, 300), (400, 200), (60, 30), (20, USABLE), (5, USABLE), (-50, 10)]
)
def test_short_lives(lifetime: int, due: float) -> None:
    """One that lives shorter than the usual haste is replaced at half its life, and never with every request."""
    house = House()
    house.lifetime = lifetime
    house.later(0)
    assert house.later(due - 0.5) == "token-1"
    assert house.later(1) == "token-2"


@pytest.mark.parametrize("jump", [3600, -3600])
def test_clock_that_jumps(jump: float) -> None:
    """At worst one token more is fetched; one that is in truth over is dropped when it is refused."""
    house = House()
    house.later(0)
    token = house.later(jump)
    assert house.later(1) == token
    assert house.tokens.drop(token)
    fresh = house.later(0)
    assert fresh != token
    assert house.later(-jump)
    assert house.fetched <= 4


def test_failure_while_the_old_one_is_good() -> None:
    """It is tried again after a while, told once each time, and used to the end."""
    house = House()
    house.later(0)
    house.error = CredentialError("no")
    with capture_logs() as logs:
        assert house.later(3600 - EARLY) == "token-1"
        assert [house.later(1) for _ in range(20)] == ["token-1"] * 20
        assert (house.fetched, len(logs)) == (2, 1)
        assert house.later(COOL_DOWN) == "token-1"
        assert (house.fetched, len(logs)) == (3, 2)
    assert logs[0] == {
        "event": "token not replaced, the old one is still good",
        "log_level": "warning",
        "source": "cloud_partner",
        "error": "no",
    }
    assert house.told("token_refresh_failures_total") == 2
    with pytest.raises(CredentialError, match=r"^no$"):
        house.later(EARLY - 20 - COOL_DOWN - USABLE)
    house.error = None
    assert house.later(COOL_DOWN) == "token-4" or house.fetched == 5


def test_failure_without_an_old_one() -> None:
    """All who ask meanwhile get the same answer, and the token endpoint its peace."""
    house = House()
    house.error = CredentialError("wrong secret")
    for _ in range(5):
        with pytest.raises(CredentialError, match=r"^wrong secret$"):
            house.later(1)
    assert house.fetched == 1
    house.error = None
    assert house.later(COOL_DOWN) == "token-2"


@pytest.mark.parametrize("jump", [3600, -3600])
def test_failure_and_a_clock_that_jumps(jump: float) -> None:
    house = House()
    house.error = CredentialError("no")
    with pytest.raises(CredentialError):
        house.later(0)
    house.error = None
    assert house.later(jump) == "token-2"


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


def test_changed_file_is_used_at_once(tmp_path: Path) -> None:
    """Before its token is due, and before a failure has cooled down."""
    secret = tmp_path / "secret"
    secret.write_text("one", encoding="utf-8")
    house = House(secret)
    assert [house.later(0), house.later(1)] == ["token-1", "token-1"]
    secret.write_text("second", encoding="utf-8")
    assert house.later(1) == "token-2"
    house.error = CredentialError("no")
    secret.write_text("the third", encoding="utf-8")
    assert [house.later(1), house.later(1)] == ["token-2", "token-2"]
    assert house.fetched == 3
    house.error = None
    secret.write_text("the fourth one", encoding="utf-8")
    assert house.later(1) == "token-4"


def test_missing_file_and_a_good_token(tmp_path: Path) -> None:
    """A secret that is away for a moment ends nothing while the token is good."""
    secret = tmp_path / "secret"
    secret.write_text("one", encoding="utf-8")
    house = House(secret)
    house.later(0)
    secret.unlink()
    house.error = CredentialError("cannot read it")
    assert house.later(1) == "token-1"
    secret.write_text("back again", encoding="utf-8")
    house.error = None
    assert house.later(1) == "token-3"


def test_secrets_of_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush", encoding="utf-8")
    house = House(secret)
    house.tokens._files[0].read()
    house.later(0)
    assert house.tokens.secrets() == ("token-1", "hush")


def test_threads_share_one_fetch() -> None:
    house, got = House(), []
    threads = [threading.Thread(target=lambda: got.append(house.tokens.token())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["token-1"] * 20
    assert house.fetched == 1


def test_static_token() -> None:
    tokens = StaticToken(SecretStr(" abc\n"))
    assert (tokens.token(), tokens.drop("abc"), tokens.secrets()) == ("abc", False, ("abc",))


@pytest.mark.parametrize(
    ("token", "what"),
    [(" \n", "the token is empty"), ("se cret", "the token holds no token"), ("a\x00b", "holds no"), ("é", "holds no")],
)
def test_static_token_that_is_none(token: str, what: str) -> None:
    with pytest.raises(CredentialError, match=what) as error:
        StaticToken(SecretStr(token))
    assert token.strip() == "" or token not in str(error.value)


def test_file_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n", encoding="utf-8")
    tokens = FileToken(file)
    assert tokens.secrets() == ()
    assert tokens.token() == "one"
    assert not tokens.drop("one")
    file.write_text("two\n", encoding="utf-8")
    assert tokens.drop("one")
    assert (tokens.token(), tokens.secrets()) == ("two", ("two",))


def test_file_of_the_same_size_and_time(tmp_path: Path) -> None:
    """Mounted secrets are replaced as a whole; time and size may stay."""
    file, fresh = tmp_path / "token", tmp_path / "fresh"
    for path, content in ((file, "one"), (fresh, "two")):
        path.write_text(content, encoding="utf-8")
        os.utime(path, ns=(10**18, 10**18))
    watched = WatchedFile(file)
    assert watched.read() == "one"
    fresh.replace(file)
    assert watched.read() == "two"


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "cannot read .*: No such file"), (b" \n", "is empty"), (b"\xff\xfe\x00", "is not text")],
)
def test_unusable_file(tmp_path: Path, content: bytes | None, what: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CredentialError, match=what):
        WatchedFile(file).read()


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="Is a directory"):
        WatchedFile(tmp_path).read()
