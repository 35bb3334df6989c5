from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from exporter.credentials import COOL_DOWN, EARLY, USABLE, FetchedToken, FileToken, StaticToken, WatchedFile
from exporter.errors import CredentialError
from exporter.telemetry import PREFIX, Telemetry
from tests.unit.make import NOW, Clock

BAD = ["two words", "two\nlines", "tab\there", "größe", "nul\0", "\x7f", "\u200b"]


def test_static_token() -> None:
    """White space around it is what an editor or `echo` left."""
    token = StaticToken(SecretStr(" sesame\n"))
    assert token.token() == "sesame"
    assert token.secrets() == ("sesame",)
    assert not token.drop("sesame")
    assert "sesame" not in repr(token.__dict__)


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_stand_in_a_header(text: str, tmp_path: Path) -> None:
    """It is refused here, because the library's message about it would quote it."""
    path = tmp_path / "token"
    path.write_text(text, encoding="utf-8")
    for ask in (lambda: StaticToken(SecretStr(text)), FileToken(path).token):
        with pytest.raises(CredentialError, match="holds no token: there is a blank or a strange character") as caught:
            ask()
        assert text not in str(caught.value)


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_empty_tokens(text: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CredentialError, match="is empty"):
        StaticToken(SecretStr(text))
    with pytest.raises(CredentialError, match=f"^{path} is empty$"):
        FileToken(path).token()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n", encoding="utf-8")
    return path


def test_token_file_is_read_again_when_it_changes(token_file: Path) -> None:
    token = FileToken(token_file)
    assert token.secrets() == ()
    assert (token.token(), token.secrets()) == ("first", ("first",))
    token_file.write_text("second", encoding="utf-8")
    assert (token.token(), token.secrets()) == ("second", ("second",))


def test_token_file_that_is_replaced_as_a_whole(token_file: Path) -> None:
    """As Kubernetes does it: another file under the same name, possibly of the same size and time."""
    token = FileToken(token_file)
    assert token.token() == "first"
    before = token_file.stat()
    fresh = token_file.with_name("fresh")
    fresh.write_text("other\n", encoding="utf-8")
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh.replace(token_file)
    assert token.token() == "other"


def test_token_file_that_does_not_change_is_not_read_again(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = FileToken(token_file)
    token.token()
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("read again"))
    assert token.token() == "first"


def test_token_file_that_goes_and_comes(token_file: Path) -> None:
    token = FileToken(token_file)
    token.token()
    token_file.unlink()
    with pytest.raises(CredentialError, match="No such file or directory"):
        token.token()
    token_file.write_text("back", encoding="utf-8")
    assert token.token() == "back"


def test_token_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="Is a directory"):
        FileToken(tmp_path).token()
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(CredentialError, match="it is not text"):
        FileToken(binary).token()


def test_a_refused_token_of_a_file_is_tried_again_only_if_the_file_has_another(token_file: Path) -> None:
    token = FileToken(token_file)
    assert not token.drop("first")
    token_file.write_text("second", encoding="utf-8")
    assert token.drop("first")


def test_watched_file_knows_what_it_has_seen(token_file: Path) -> None:
    file = WatchedFile(token_file)
    assert file.seen() == ()
    assert file.read() == "first"
    assert file.seen() == ("first",)


@dataclass(frozen=True)
class Issued:
    token: str
    expires_on: int


class Bank:
    """Issues tokens that live for an hour, or fails."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.telemetry = Telemetry()
        self.connections = 0
        self.issued = 0
        self.error: CredentialError | None = None
        self.stamp: Any = "one"
        self.tokens = FetchedToken(
            self.connect,
            source="cloud_partner",
            telemetry=self.telemetry,
            clock=self.clock,
            stamp=lambda: self.stamp,
        )

    def connect(self) -> Callable[[], Issued]:
        self.connections += 1
        return self.fetch

    def fetch(self) -> Issued:
        if self.error:
            raise self.error
        self.issued += 1
        return Issued(f"token-{self.issued}", int(self.clock.now) + 3600)

    def sample(self, name: str) -> float | None:
        return self.telemetry.registry.get_sample_value(PREFIX + name, {"source": "cloud_partner"})


@pytest.fixture
def bank() -> Bank:
    return Bank()


def test_a_fetched_token_is_kept_until_shortly_before_its_end(bank: Bank) -> None:
    assert bank.tokens.secrets() == ()
    assert [bank.tokens.token() for _ in range(3)] == ["token-1"] * 3
    assert bank.tokens.secrets() == ("token-1",)
    assert bank.sample("token_expiry_timestamp_seconds") == NOW + 3600
    bank.clock.now = NOW + 3600 - EARLY - 1
    assert bank.tokens.token() == "token-1"
    bank.clock.now += 1
    assert bank.tokens.token() == "token-2"
    assert (bank.sample("token_refreshes_total"), bank.sample("token_refresh_failures_total")) == (2, 0)


def test_a_token_that_cannot_be_replaced_is_used_to_its_end(bank: Bank) -> None:
    bank.tokens.token()
    bank.error = CredentialError("secret expired")
    bank.clock.now = NOW + 3600 - EARLY
    assert bank.tokens.token() == "token-1"
    bank.clock.now = NOW + 3600 - USABLE - 1
    assert bank.tokens.token() == "token-1"
    bank.clock.now = NOW + 3600 - USABLE
    with pytest.raises(CredentialError, match="secret expired"):
        bank.tokens.token()
    assert (bank.sample("token_refresh_failures_total") or 0) >= 2


def test_after_a_failure_nobody_is_asked_for_a_while(bank: Bank) -> None:
    bank.error = CredentialError("secret expired")
    for _ in range(5):
        with pytest.raises(CredentialError, match="secret expired"):
            bank.tokens.token()
    assert bank.sample("token_refresh_failures_total") == 1
    bank.error = None
    bank.clock.now += COOL_DOWN
    assert bank.tokens.token() == "token-1"


def test_a_clock_that_is_set_back_does_not_lock_us_out(bank: Bank) -> None:
    bank.error = CredentialError("secret expired")
    with pytest.raises(CredentialError):
        bank.tokens.token()
    bank.error = None
    bank.clock.now -= 86400
    assert bank.tokens.token() == "token-1"


def test_a_refused_token_is_dropped_but_not_in_a_circle(bank: Bank) -> None:
    first = bank.tokens.token()
    assert not bank.tokens.drop(first)
    assert bank.tokens.token() == first
    bank.clock.now += COOL_DOWN
    assert bank.tokens.drop(first)
    assert bank.tokens.token() == "token-2"
    assert bank.connections == 2
    assert bank.tokens.drop(first)
    assert bank.tokens.token() == "token-2"


def test_a_new_secret_means_a_new_credential(bank: Bank) -> None:
    assert bank.tokens.token() == "token-1"
    bank.stamp = "two"
    assert bank.tokens.token() == "token-2"
    assert bank.connections == 2
    assert bank.tokens.token() == "token-2"
