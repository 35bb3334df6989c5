"""Tokens that are given in the settings or read from a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter.domain.errors import CredentialError
from exporter.sources.auth.tokens import GivenToken, WatchedFile
from exporter.sources.deadline import Deadline
from tests.unit.make import Clock

DEADLINE = Deadline(60, Clock())


@pytest.mark.parametrize(
    ("token", "what"),
    [("", "the token is empty"), ("se cret", "the token holds no token"), ("a\x00b", "holds no"), ("é", "holds no")],
)
def test_token_that_is_none(token: str, what: str) -> None:
    with pytest.raises(CredentialError, match=what) as error:
        GivenToken(lambda: token, "the token")
    assert not token or token not in str(error.value)


def test_file_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n", encoding="utf-8")
    tokens = GivenToken(WatchedFile(file).read, str(file))
    assert tokens.token(DEADLINE) == "one"
    assert not tokens.drop("one")
    file.write_text("two\n", encoding="utf-8")
    assert tokens.drop("one")
    assert (tokens.token(DEADLINE), tokens.secrets()) == ("two", ("two",))
    file.write_text("se cret", encoding="utf-8")
    with pytest.raises(CredentialError, match=f"^{file} holds no token"):
        tokens.token(DEADLINE)


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
    [(None, "cannot read .*: Is a directory"), (b" \n", "is empty"), (b"\xff\xfe\x00", "is not text")],
)
def test_unusable_file(tmp_path: Path, content: bytes | None, what: str) -> None:
    file = tmp_path / "token"
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(CredentialError, match=what):
        WatchedFile(file).read()
