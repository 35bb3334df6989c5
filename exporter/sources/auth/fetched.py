"""Tokens that azure-identity fetches, keeps, and replaces about five minutes before they expire."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from exporter.domain.errors import CredentialError
from exporter.domain.texts import text
from exporter.sources.auth.tokens import WatchedFile
from exporter.sources.bounded import current_deadline
from exporter.sources.deadline import Deadline
from exporter.telemetry.blotting import Blotter
from exporter.telemetry.metrics import Telemetry

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

__all__ = ["FetchedToken", "Kept", "reason"]

FETCH_TIMEOUT = 20.0
"""Seconds for all requests of one fetch together."""
EARLY = 300.0
"""A token is replaced this many seconds before it expires, as azure-identity does where it keeps it itself."""
COOL_DOWN = 30.0
"""Seconds without another fetch after one that failed, or after a token that the API refused."""
MAX_REASON = 1500  # the default chain has a sentence for each of its many members

log = structlog.get_logger("exporter.credentials")


class Kept:
    """Keeps the token of a credential that keeps none itself: the command `az`, and the default chain, which may run it."""

    def __init__(self, credential: Any, clock: Callable[[], float]) -> None:
        self._credential = credential
        self._clock = clock
        self._token: AccessToken | None = None
        self.close = credential.close

    def get_token(self, scope: str) -> AccessToken:
        """Ask the credential only when it must be."""
        if self._token is None or self._token.expires_on - self._clock() < EARLY:
            self._token = self._credential.get_token(scope)
        return self._token


class FetchedToken:
    """The token of one credential for one scope.

    `build` makes the credential of azure-identity; here, and again after one of the `files` behind it has changed, after
    the API has refused a token, and after a failure: a new one remembers nothing. One thread at a time asks it. The
    others use the token that there is, or wait until their deadline. `given` are secrets that stand in the settings.

    Raises:
        CredentialError: `build` says what is wrong.
    """

    def __init__(
        self,
        build: Callable[[], Any],
        *,
        method: str,
        scope: str,
        credential: str,
        source: str,
        telemetry: Telemetry,
        clock: Callable[[], float],
        files: tuple[WatchedFile, ...] = (),
        given: tuple[str, ...] = (),
    ) -> None:
        self._build = build
        self._method = method
        self._scope = scope
        self._names = {"credential": credential, "source": source}
        self._clock = clock
        self._files = files
        self._given = given
        self._refreshes = telemetry.token_refreshes_total.labels(**self._names)
        self._failures = telemetry.token_refresh_failures_total.labels(**self._names)
        self._expiry = telemetry.token_expiry_timestamp_seconds
        self._lock = threading.Lock()
        self._credential: Any = None
        self._state: tuple[object, ...] = ()
        self._kept: AccessToken | None = None
        self._last_two: tuple[str, ...] = ()
        self._failure: CredentialError | None = None
        self._failed_at = self._dropped_at = float("-inf")
        build().close()

    def token(self, deadline: Deadline) -> str:
        """Get a token; CredentialError if there is none."""
        kept = self._usable()
        if self._lock.acquire(timeout=0 if kept else deadline.remaining()):
            try:
                return self._ask(deadline).token
            finally:
                self._lock.release()
        if kept:
            return kept.token
        raise CredentialError("no token in time: another request still waits for the token endpoint")

    def drop(self, token: str) -> bool:
        """Forget this token, unless another was just now: then it is not the token that the API dislikes."""
        kept, now = self._kept, self._clock()
        if kept is None or kept.token != token:
            return True
        if abs(now - self._dropped_at) < COOL_DOWN:
            return False
        self._kept, self._dropped_at = None, now
        return True

    def secrets(self) -> tuple[str, ...]:
        """With the token before this one, because answers to it may still be under way."""
        return (*self._last_two, *self._given, *(one.seen for one in self._files))

    def _usable(self) -> AccessToken | None:
        kept = self._kept
        return kept if kept is not None and self._clock() < kept.expires_on else None

    def _ask(self, deadline: Deadline) -> AccessToken:
        before, state = self._kept, tuple(one.state() for one in self._files)
        error = self._failure if state == self._state else None
        if error is None or abs(self._clock() - self._failed_at) >= COOL_DOWN:
            if before is None or state != self._state:
                self._discard()
            self._state = state
            try:
                return self._keep(self._fetch(deadline), before)
            except CredentialError as failure:
                error = failure
                self._failed(failure, deadline)
        kept = self._usable()
        if kept is None:
            raise CredentialError(str(error)) from error
        return kept

    def _fetch(self, deadline: Deadline) -> AccessToken:
        limit = deadline.within(FETCH_TIMEOUT)
        reset = current_deadline.set(limit)
        try:
            self._credential = self._credential or self._build()
            token: AccessToken = self._credential.get_token(self._scope)
            limit.check()  # a library that has a good token does not tell that it could not replace it
        except CredentialError:
            raise
        except Exception as error:
            # Whatever the library raises, without a token nothing can be asked.
            said = reason(error, Blotter(self.secrets)) if limit.remaining() else "no answer in time"
            raise CredentialError(f"{self._method}: {said}") from error
        finally:
            current_deadline.reset(reset)
        return token

    def _keep(self, fresh: AccessToken, before: AccessToken | None) -> AccessToken:
        self._failure = None
        if self._kept is before:  # otherwise it was dropped meanwhile, and this one may be the same
            self._kept = fresh
        if fresh.token not in self._last_two[-1:]:
            self._last_two = (*self._last_two, fresh.token)[-2:]
            self._refreshes.inc()
            self._expiry.labels(**self._names).set(fresh.expires_on)
        return fresh

    def _failed(self, error: CredentialError, deadline: Deadline) -> None:
        self._failures.inc()
        self._discard()
        if deadline.remaining():  # otherwise it was not given the time that it may need
            self._failure, self._failed_at = error, self._clock()
        if self._usable():
            log.warning("token not replaced, the old one is still good", **self._names, error=str(error))

    def _discard(self) -> None:
        """Forget the credential with all that it keeps, also that a 503 wants an hour without requests."""
        if self._credential is not None:
            self._credential.close()
        self._credential = None


_TRACES = re.compile(r"(Trace ID|Correlation ID|Timestamp): \S+( \S+Z)?", re.IGNORECASE)
_ADVICE = re.compile(
    r"(Visit|To mitigate this issue, please refer to the troubleshooting guidelines here at) https://\S+[^.\n]*\.?"
)


def reason(error: Exception, blot: Callable[[str], str] = str) -> str:
    """Take what tells what is wrong, such as AADSTS7000215; the body repeats it, and the trace ids differ at every try."""
    said = _TRACES.sub("", str(error).partition("\nContent: ")[0])
    return text(blot(_ADVICE.sub("", said)), MAX_REASON) or type(error).__name__
