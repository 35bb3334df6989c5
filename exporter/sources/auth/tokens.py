"""Bearer tokens for the upstream APIs.

One token source serves all requests that use the same credential and scope: it is asked before every request and fetches
only when it must.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog
from pydantic import SecretStr

from exporter.domain.errors import CredentialError
from exporter.telemetry.metrics import Telemetry

__all__ = ["AccessToken", "FetchedToken", "FileToken", "StaticToken", "TokenSource", "WatchedFile"]

EARLY = 300.0
"""A token is replaced this many seconds before it expires; Microsoft's live for about 60 minutes."""
USABLE = 10.0
"""A token that cannot be replaced is used until this many seconds before it expires."""
COOL_DOWN = 30.0
"""After a failure, and after a token that the API refused, no other one is asked for in this many seconds."""

log = structlog.get_logger("exporter.credentials")


class TokenSource(Protocol):
    """One credential, shared by all requests that use it."""

    def token(self) -> str:
        """Get a token that is valid now.

        Raises:
            CredentialError: there is none.
        """
        ...

    def drop(self, token: str) -> bool:
        """Take note that the API refused this token; tells whether asking again may give a better one."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """Give the secrets that it holds now, for the log's blotting."""
        ...


class StaticToken:
    """A token that was given in the settings; CredentialError if it is none."""

    def __init__(self, token: SecretStr) -> None:
        self._token = SecretStr(_checked(token.get_secret_value().strip(), "the token"))

    def token(self) -> str:
        """Get the token."""
        return self._token.get_secret_value()

    def drop(self, token: str) -> bool:
        """There is no other one."""
        del token
        return False

    def secrets(self) -> tuple[str, ...]:
        """Give the token."""
        return (self.token(),)


def _checked(token: str, where: str) -> str:
    """Give the token if it can stand in a header; the library's own complaint about one that cannot would quote it."""
    if not token:
        raise CredentialError(f"{where} is empty")
    if not token.isascii() or any(one.isspace() or not one.isprintable() for one in token):
        raise CredentialError(f"{where} holds no token: there is a blank or a strange character inside")
    return token


class WatchedFile:
    """The text of a small file, read again whenever the file changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[tuple[int, int, int] | None, str] | None = None

    def state(self) -> tuple[int, int, int] | None:
        """Give what changes when the file does, None while there is no file."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        # With the inode, because mounted secrets are replaced as a whole and may keep time and size.
        return status.st_ino, status.st_mtime_ns, status.st_size

    def read(self) -> str:
        """Get the text without white space around it; CredentialError if it cannot be read, is empty or no text."""
        state = self.state()
        seen = self._seen
        if seen is None or state is None or seen[0] != state:
            seen = self._seen = state, self._load()
        if not seen[1]:
            raise CredentialError(f"{self.path} is empty")
        return seen[1]

    def seen(self) -> tuple[str, ...]:
        """Give the text that was read last, if any."""
        return () if self._seen is None else (self._seen[1],)

    def _load(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise CredentialError(f"cannot read {self.path}: {error.strerror}") from error
        except UnicodeDecodeError:
            raise CredentialError(f"{self.path} holds no secret: it is not text") from None


class FileToken:
    """A token in a file that somebody else keeps fresh."""

    def __init__(self, path: Path) -> None:
        self._file = WatchedFile(path)

    def token(self) -> str:
        """Get the token; CredentialError if the file is missing, unreadable, empty or holds no token."""
        return _checked(self._file.read(), str(self._file.path))

    def drop(self, token: str) -> bool:
        """Ask again only if the file has another token by now."""
        return self.token() != token

    def secrets(self) -> tuple[str, ...]:
        """Give the token that was read last."""
        return self._file.seen()


class AccessToken(Protocol):
    """What azure-identity gives: a token and when it expires, in Unix seconds."""

    @property
    def token(self) -> str:
        """The token."""
        ...

    @property
    def expires_on(self) -> int:
        """When it expires."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    """A token, and when to look for its successor."""

    token: str
    expires_on: float
    fetched_at: float

    @property
    def due(self) -> float:
        """A short-lived token is replaced at half its life, and none at once."""
        life = self.expires_on - self.fetched_at
        return self.fetched_at + max(life - min(EARLY, life / 2), USABLE)


@dataclass(frozen=True, slots=True)
class _Failure:
    error: CredentialError
    at: float
    state: object


class FetchedToken:
    """A token that is fetched when it is needed, kept, and replaced early.

    `fetch` gets a token from a credential that remembers none, so that what it gives is new. It is called early when
    `state`, that of the files behind the credential, changes. `clock` is Unix time.
    """

    def __init__(
        self,
        fetch: Callable[[], AccessToken],
        *,
        source: str,
        telemetry: Telemetry,
        clock: Callable[[], float],
        files: tuple[WatchedFile, ...] = (),
    ) -> None:
        self._fetch = fetch
        self._files = files
        self._clock = clock
        self._refreshes = telemetry.token_refreshes_total.labels(source)
        self._failures = telemetry.token_refresh_failures_total.labels(source)
        self._expiry = telemetry.token_expiry_timestamp_seconds
        self._source = source
        self._lock = threading.Lock()
        self._kept: _Held | None = None
        self._kept_state: object = None
        self._failure: _Failure | None = None
        self._dropped_at = float("-inf")

    def token(self) -> str:
        """Get the token; CredentialError if there is none and none can be had."""
        with self._lock:
            kept, state = self._kept, [one.state() for one in self._files]
            if kept is not None and self._clock() < kept.due and state == self._kept_state:
                return kept.token
            return self._replace(kept, state).token

    def drop(self, token: str) -> bool:
        """Forget this token, unless one was just now: then it is not the token that the API dislikes."""
        with self._lock:
            if self._kept is None or self._kept.token != token:
                return True
            now = self._clock()
            if abs(now - self._dropped_at) < COOL_DOWN:
                return False
            self._kept, self._dropped_at = None, now
            return True

    def secrets(self) -> tuple[str, ...]:
        """Give the token that is kept, and what was read of the files."""
        kept = self._kept
        return (*(() if kept is None else (kept.token,)), *(one for file in self._files for one in file.seen()))

    def _replace(self, kept: _Held | None, state: object) -> _Held:
        failure, now = self._failure, self._clock()
        if failure and failure.state == state and abs(now - failure.at) < COOL_DOWN:
            return self._fall_back(kept, failure.error)
        try:
            fresh = self._fetch()
        except CredentialError as error:
            self._failures.inc()
            self._failure = _Failure(error, now, state)
            held = self._fall_back(kept, error)
            log.warning("token not replaced, the old one is still good", source=self._source, error=str(error))
            return held
        self._refreshes.inc()
        self._expiry.labels(self._source).set(fresh.expires_on)
        self._kept = _Held(fresh.token, fresh.expires_on, self._clock())
        self._kept_state, self._failure = state, None
        return self._kept

    def _fall_back(self, kept: _Held | None, error: CredentialError) -> _Held:
        """Use a token that is still good while its replacement cannot be had."""
        if kept is not None and kept.expires_on - self._clock() > USABLE:
            return kept
        raise CredentialError(str(error)) from error
