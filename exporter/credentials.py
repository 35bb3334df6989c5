"""Bearer tokens for the upstream APIs.

One token source serves all requests that use the same credential and scope: it is asked before every request and fetches
only when it must.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog
from pydantic import SecretStr

from exporter.errors import CredentialError
from exporter.telemetry import Telemetry

__all__ = ["AccessToken", "FetchedToken", "FileToken", "StaticToken", "TokenSource", "WatchedFile"]

EARLY = 300.0
"""A token is replaced this many seconds before it expires; Microsoft's live for about 60 minutes."""
USABLE = 10.0
"""A token that cannot be replaced is used until this many seconds before it expires."""
COOL_DOWN = 30.0
"""After a failure, or when a fresh token is refused, nobody is asked for this many seconds."""

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
        self._seen: tuple[tuple[int, int, int], str] | None = None

    def stamp(self) -> tuple[int, int, int]:
        """Give what changes when the file does; CredentialError if it is not there."""
        try:
            status = self.path.stat()
        except OSError as error:
            raise CredentialError(f"cannot read {self.path}: {error.strerror}") from error
        # With the inode, because mounted secrets are replaced as a whole and may keep time and size.
        return status.st_ino, status.st_mtime_ns, status.st_size

    def read(self) -> str:
        """Get the text without white space around it; CredentialError if it cannot be read, is empty or no text."""
        stamp = self.stamp()
        seen = self._seen
        if seen is None or seen[0] != stamp:
            seen = self._seen = stamp, self._load()
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


class FetchedToken:
    """A token that is fetched when it is needed, kept, and replaced early.

    `connect` makes a new credential and gives the call that fetches a token with it; it is called again when `stamp` (the
    state of the files behind the credential) changes, and when the API refuses a token, because credentials keep tokens
    of their own. `clock` is Unix time.
    """

    def __init__(
        self,
        connect: Callable[[], Callable[[], AccessToken]],
        *,
        source: str,
        telemetry: Telemetry,
        clock: Callable[[], float],
        stamp: Callable[[], object] = lambda: None,
    ) -> None:
        self._connect = connect
        self._stamp = stamp
        self._clock = clock
        self._refreshes = telemetry.counter("token_refreshes_total").labels(source)
        self._failures = telemetry.counter("token_refresh_failures_total").labels(source)
        self._expiry = telemetry.gauge("token_expiry_timestamp_seconds")
        self._source = source
        self._lock = threading.Lock()
        self._fetch: Callable[[], AccessToken] | None = None
        self._fetch_stamp: object = None
        self._kept: AccessToken | None = None
        self._fetched_at = float("-inf")
        self._failure: tuple[float, CredentialError] | None = None

    def token(self) -> str:
        """Get the token; CredentialError if there is none and none can be had."""
        with self._lock:
            kept = self._kept
            if kept is not None and kept.expires_on - self._clock() > EARLY and self._stamp() == self._fetch_stamp:
                return kept.token
            return self._replace(kept).token

    def drop(self, token: str) -> bool:
        """Forget this token, unless it was fetched just now: then a new one would be refused as well."""
        with self._lock:
            if self._kept is None or self._kept.token != token:
                return True
            if abs(self._clock() - self._fetched_at) < COOL_DOWN:
                return False
            self._kept = self._fetch = None
            return True

    def secrets(self) -> tuple[str, ...]:
        """Give the token that is kept."""
        kept = self._kept
        return () if kept is None else (kept.token,)

    def _replace(self, kept: AccessToken | None) -> AccessToken:
        if self._failure and abs(self._clock() - self._failure[0]) < COOL_DOWN:
            return self._fall_back(kept, self._failure[1])
        try:
            fresh = self._fetched()
        except CredentialError as error:
            self._failures.inc()
            self._failure = self._clock(), error
            return self._fall_back(kept, error)
        self._refreshes.inc()
        self._expiry.labels(self._source).set(fresh.expires_on)
        self._kept, self._fetched_at, self._failure = fresh, self._clock(), None
        return fresh

    def _fetched(self) -> AccessToken:
        stamp = self._stamp()
        if self._fetch is None or stamp != self._fetch_stamp:
            self._fetch, self._fetch_stamp = self._connect(), stamp
        return self._fetch()

    def _fall_back(self, kept: AccessToken | None, error: CredentialError) -> AccessToken:
        """Use a token that is still good while its replacement cannot be had."""
        if kept is not None and kept.expires_on - self._clock() > USABLE:
            log.warning("token not replaced, the old one is still good", source=self._source, error=str(error))
            return kept
        raise CredentialError(str(error)) from error
