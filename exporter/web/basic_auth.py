"""Basic authentication against bcrypt hashes, at a price that an attacker cannot raise.

A bcrypt check costs 50 ms of CPU and more, by design. So a pair of user and password is checked once and remembered for
as long as its hash stands in the file; checks run one at a time, off the event loop; and whoever guesses pays from a
budget (`exporter.web.budget`). Beyond it the answer is 429, without a check. Scrapers that have been verified before
notice nothing of that.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum

from pydantic import SecretStr

from exporter.web.budget import Budget, Payment
from exporter.web.peers import network

__all__ = ["BasicAuth", "Verdict", "credentials"]

VERIFIED = 256
REFUSED = 256
"""How many good and bad pairs are remembered."""
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
    """Too many guesses: 429."""


class BasicAuth:
    """Judges requests; `check` compares a password with a hash, `clock` is monotonic seconds."""

    def __init__(self, *, check: Check | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._check = check or _bcrypt
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._verified = _Recent(VERIFIED)
        self._refused = _Recent(REFUSED)
        self._running: dict[bytes, asyncio.Task[Verdict]] = {}
        self._budget = Budget(clock)
        self._thread = ThreadPoolExecutor(1, "bcrypt")

    async def judge(self, header: bytes, address: str, users: Mapping[str, SecretStr]) -> Verdict:
        """Judge an Authorization header from a client's address."""
        pair = credentials(header)
        if pair is None:
            return Verdict.DENIED
        user, password = pair
        known = users.get(user)
        hashed = known.get_secret_value() if known else _nobody(users)
        key = self._digest(user, hashed, password)
        if known and key in self._verified:
            return Verdict.GRANTED
        if key in self._refused:
            return Verdict.DENIED
        return await self._first_time(key, network(address), password, hashed, is_known=known is not None)

    async def _first_time(self, key: bytes, network: str, password: bytes, hashed: str, *, is_known: bool) -> Verdict:
        task = self._running.get(key)
        if task is None:
            # Paid in advance, so that many at once cannot overdraw.
            payment = self._budget.pay(network, _cost(hashed), len(self._running))
            if payment is None:
                return Verdict.POSTPONED
            task = asyncio.create_task(self._verify(key, payment, password, hashed, is_known=is_known))
            self._running[key] = task
        # A client that goes away must not take the check from the others that wait for it.
        return await asyncio.shield(task)

    async def _verify(self, key: bytes, payment: Payment, password: bytes, hashed: str, *, is_known: bool) -> Verdict:
        try:
            is_right, seconds = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._timed, password, hashed.encode()
            )
        finally:
            del self._running[key]
        is_granted = is_right and is_known
        self._budget.settle(payment, seconds, was_right=is_granted)
        (self._verified if is_granted else self._refused).add(key)
        return Verdict.GRANTED if is_granted else Verdict.DENIED

    def _timed(self, password: bytes, hashed: bytes) -> tuple[bool, float]:
        started = self._clock()
        return self._check(password, hashed), self._clock() - started

    def _digest(self, user: str, hashed: str, password: bytes) -> bytes:
        parts = (user.encode(), hashed.encode(), password)
        text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, text, hashlib.sha256)


class _Recent:
    """A set that forgets what was not asked for the longest time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, item: bytes) -> bool:
        if item not in self._items:
            return False
        self._items.move_to_end(item)
        return True

    def add(self, item: bytes) -> None:
        """Remember an item."""
        self._items[item] = None
        if len(self._items) > self._size:
            self._items.popitem(last=False)


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
    """Give a hash for unknown users, as costly as the dearest real one."""
    return _NOBODY.format(max(_cost(one.get_secret_value()) for one in users.values()))


def _cost(hashed: str) -> int:
    return int(hashed.split("$")[2])
