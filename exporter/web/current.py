"""The web configuration in force: read again when one of its files changes, kept when the new one is bad."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from exporter.domain.errors import ConfigError
from exporter.web.tls import server_context
from exporter.web.web_config import WHERE, WebConfig, read

__all__ = ["Current", "Loaded"]

INTERVAL = 1.0
AGAIN = 60.0
"""After a failure the files are read again in so many seconds even if none changes: it may have been the disk's."""
WARN_COST = 12
"""Above it a first check takes about half a second and more, and the budget for wrong pairs lasts for few."""

log = structlog.get_logger("exporter.web")

Fingerprint = tuple[tuple[int, ...] | None, ...]
"""Device, inode, size, time of change and of modification of each file; None for one that is missing."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and the TLS context made from it, None for plain HTTP."""

    config: WebConfig
    tls: ssl.SSLContext | None


class Current:
    """What holds now; `path` is None without a web configuration, `clock` is monotonic seconds.

    Raises:
        ConfigError: the file or one that it names cannot be used.
    """

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._again_at = math.inf
        self._told = ""
        self._files: tuple[Path, ...] = ()
        self._tried = self._seen = self._fingerprint()
        self.loaded = Loaded(WebConfig(), None) if path is None else self._load(path)

    @property
    def config(self) -> WebConfig:
        """The configuration."""
        return self.loaded.config

    def tls(self) -> ssl.SSLContext | None:
        """Give the TLS context for a new connection."""
        return self.loaded.tls

    def refresh(self) -> bool:
        """Read the files again if they have changed; tells whether there is a new configuration.

        A change is looked at when nothing has moved since the previous call, so that no half-written file is read. What
        could not be used is looked at again when a file changes, and every minute; a repeated try tells only what is new.
        """
        fingerprint = self._fingerprint()
        is_change = fingerprint != self._tried
        is_due = is_change or self._clock() >= self._again_at
        if self._path is None or fingerprint != self._seen or not is_due:
            self._seen = fingerprint
            return False
        self._again_at = self._clock() + AGAIN
        try:
            loaded = self._load(self._path)
            self._check_change(loaded)
        except ConfigError as error:
            self._tell(str(error), is_change=is_change)
            return False
        self._again_at = math.inf
        self.loaded = loaded
        log.info("new web configuration", tls=loaded.tls is not None, users=len(loaded.config.basic_auth_users))
        return True

    def _tell(self, problems: str, *, is_change: bool) -> None:
        if is_change or problems != self._told:
            log.error("the new web configuration is bad, the previous one stays in force", problems=problems)
        self._told = problems

    def _load(self, path: Path) -> Loaded:
        """Read the files; each is stamped before it is read, so that a change in between is seen next time."""
        self._tried = self._fingerprint()
        config = read(path)
        self._files = config.tls_server_config.files()
        self._tried = (self._tried[0], *map(_stat, self._files))
        _warn_of_cost(config)
        tls = config.tls_server_config
        return Loaded(config, server_context(tls) if tls.is_enabled else None)

    def _check_change(self, loaded: Loaded) -> None:
        """Refuse what would open the exporter by accident; an emptied file is no wish for plain HTTP."""
        if (loaded.tls is None) != (self.loaded.tls is None):
            raise ConfigError([(WHERE, "TLS cannot be switched on or off while the exporter runs; restart it")])
        if self.config.basic_auth_users and not loaded.config.basic_auth_users:
            raise ConfigError([(WHERE, "basic_auth_users cannot be dropped while the exporter runs; restart it")])

    def _fingerprint(self) -> Fingerprint:
        return () if self._path is None else tuple(map(_stat, (self._path, *self._files)))

    async def watch(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Refresh every second, until cancelled."""
        while self._path is not None:
            await sleep(INTERVAL)
            try:
                await asyncio.to_thread(self.refresh)
            except Exception:
                # Ended here, it would let certificates expire unseen.
                log.exception("looking at the web configuration broke; it is tried again")


def _warn_of_cost(config: WebConfig) -> None:
    for user, hashed in config.basic_auth_users.items():
        cost = int(hashed.get_secret_value().split("$")[2])
        if cost > WARN_COST:
            log.warning("the first scrape with this password takes long", user=user, bcrypt_cost=cost)


def _stat(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns, found.st_mtime_ns
