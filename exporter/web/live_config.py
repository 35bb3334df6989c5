"""The web configuration in force: read again when one of its files changes, kept when the new one is bad."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from exporter.domain.errors import ConfigError
from exporter.web.tls import server_context
from exporter.web.web_config import WHERE, WebConfig, read

__all__ = ["LiveConfig"]

INTERVAL = 1.0
WARN_COST = 12
"""Above it a first check takes about half a second and more."""

log = structlog.get_logger("exporter.web")

Fingerprint = tuple[tuple[int, ...] | None, ...]
"""Device, inode, size, time of change and of modification of each file; None for one that is missing."""


class LiveConfig:
    """What holds now; `path` is None without a web configuration, `tls` is None for plain HTTP.

    Raises:
        ConfigError: the file or one that it names cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._files: tuple[Path, ...] = ()
        self._problems = ""
        self._read = self._seen = self._fingerprint()
        self.config, self.tls = (WebConfig(), None) if path is None else self._load(path)
        _warn_of_cost(self.config)

    def refresh(self) -> bool:
        """Read the files again if they have changed, or could not be used; True if there is a new configuration.

        They are read when nothing has moved since the previous call, so that no half-written file is. What is wrong is
        told once.
        """
        before, self._seen = self._seen, self._fingerprint()
        if self._path is None or self._seen != before or (self._seen == self._read and not self._problems):
            return False
        try:
            config, tls = self._load(self._path)
            self._check_change(config, tls)
        except ConfigError as error:
            self._tell(str(error))
            return False
        self._problems = ""
        self.config, self.tls = config, tls
        _warn_of_cost(config)
        log.info("new web configuration", tls=tls is not None, users=len(config.basic_auth_users))
        return True

    def _tell(self, problems: str) -> None:
        if problems != self._problems:
            log.error("the new web configuration is bad, the previous one stays in force", problems=problems)
        self._problems = problems

    def _load(self, path: Path) -> tuple[WebConfig, ssl.SSLContext | None]:
        """Read the files; each is stamped before it is read, so that a change in between is seen next time."""
        self._read = self._fingerprint()
        config = read(path)
        self._files = config.tls_server_config.files()
        self._read = (self._read[0], *map(_stat, self._files))
        tls = config.tls_server_config
        return config, server_context(tls) if tls.is_enabled else None

    def _check_change(self, config: WebConfig, tls: ssl.SSLContext | None) -> None:
        """Refuse what would open the exporter by accident; an emptied file is no wish for plain HTTP."""
        if (tls is None) != (self.tls is None):
            raise ConfigError([(WHERE, "TLS cannot be switched on or off while the exporter runs; restart it")])
        if self.config.basic_auth_users and not config.basic_auth_users:
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
