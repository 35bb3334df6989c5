"""Basic authentication against bcrypt hashes.

A bcrypt check costs 50 ms of CPU and more, by design. So a pair of user and password that was right is remembered for as
long as its hash stands in the file, and all others are checked one at a time, off the event loop. So that a scraper gets in
for the first time beside a crowd that guesses, the newest is checked first, and who was wrong waits for the answer.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum

from pydantic import SecretStr

__all__ = ["MAX_REMEMBERED", "MAX_WAITING", "BasicAuth", "Verdict", "credentials"]

MAX_REMEMBERED = 256
MAX_WAITING = 256
PENALTY = 2.0
"""Seconds by which the answer to a wrong pair is late."""
_LONGEST = 72
"""bcrypt takes no more bytes of a password; the rest is cut off, as Go and htpasswd do."""
_NOBODY = "$2b${:02d}$" + "." * 22 + "." * 31

Check = Callable[[bytes, bytes], bool]


class Verdict(Enum):
    """What becomes of a request."""

    GRANTED = "granted"
    DENIED = "denied"
    """No credentials, or wrong ones: 401."""
    POSTPONED = "postponed"
    """Too many wait for a check: 429."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """A pair that waits for its check; `key` tells it from others without holding the password."""

    key: bytes
    password: bytes
    hashed: str
    verdict: Future[Verdict] = field(default_factory=Future)

    def settle(self, verdict: Verdict) -> None:
        """Answer whoever still waits."""
        if self.verdict.set_running_or_notify_cancel():
            self.verdict.set_result(verdict)


class BasicAuth:
    """Judges requests; `check` compares a password with a hash."""

    def __init__(
        self, check: Check | None = None, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._check = check or _bcrypt
        self._sleep = sleep
        self._secret = secrets.token_bytes(32)
        self._right: set[bytes] = set()
        self._waiting: list[_Claim] = []
        self._thread = ThreadPoolExecutor(1, "bcrypt")

    async def judge(self, header: bytes, users: Mapping[str, SecretStr]) -> Verdict:
        """Judge an Authorization header."""
        pair = credentials(header)
        if pair is None:
            return Verdict.DENIED
        user, password = pair
        is_known = user in users
        hashed = users[user].get_secret_value() if is_known else _nobody(users)
        key = hmac.digest(self._secret, repr((user, hashed, password)).encode(), "sha256")
        if is_known and key in self._right:
            return Verdict.GRANTED
        verdict = await self._wait(_Claim(key, password, hashed))
        if verdict is Verdict.POSTPONED or (is_known and verdict is Verdict.GRANTED):
            return verdict
        await self._sleep(PENALTY)
        return Verdict.DENIED

    async def _wait(self, claim: _Claim) -> Verdict:
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.pop(0).settle(Verdict.POSTPONED)
        self._waiting.append(claim)
        self._thread.submit(self._check_newest)
        return await asyncio.wrap_future(claim.verdict)

    def _check_newest(self) -> None:
        if not self._waiting:
            return  # the one that this was meant for had to make room
        claim = self._waiting.pop()
        if claim.verdict.cancelled():
            return  # the exporter ends
        is_right = claim.key in self._right or self._check(claim.password, claim.hashed.encode())
        if is_right:
            if len(self._right) >= MAX_REMEMBERED:
                self._right.clear()
            self._right.add(claim.key)
        claim.settle(Verdict.GRANTED if is_right else Verdict.DENIED)


def credentials(header: bytes) -> tuple[str, bytes] | None:
    """Read user and password (RFC 7617); None if the header holds no such thing."""
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(token.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _bcrypt(password: bytes, hashed: bytes) -> bool:
    import bcrypt  # noqa: PLC0415 - only who has users pays for it

    try:
        return bcrypt.checkpw(password[:_LONGEST], hashed)
    except ValueError:
        return False


def _nobody(users: Mapping[str, SecretStr]) -> str:
    """A hash for unknown users, as costly as the dearest real one, so that the time of an answer names no user."""
    return _NOBODY.format(max(int(one.get_secret_value().split("$")[2]) for one in users.values()))
