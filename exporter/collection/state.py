"""The state file: what is known, kept over restarts.

It is written atomically (a new file that only its owner may read, synced, renamed over the old one), carries its format and
version, and belongs to one process at a time. A file that cannot be used is set aside under another name and never deleted.
`zcat` shows two lines, what it is and what it holds, both JSON. Version 1, which is still read, was not compressed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from gzip import GzipFile
from io import BytesIO, FileIO
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Snapshot
from exporter.domain.errors import ConfigError, StateFileError

__all__ = ["StateFile", "check"]

FORMAT = "azure-marketplace-exporter state"
VERSION = 2
READABLE = (1, 2)
MAX_SIZE = 256 * 1024 * 1024
"""Bytes that are read of a file, and of what it inflates to; what lacks the rest is damaged."""
MAX_HEAD = 1000
"""Bytes that are read of the line that tells what the file is."""

_SNAPSHOT = TypeAdapter(Snapshot)
_PUBLISHER = TypeAdapter(PublisherRecord)
_OFFER = TypeAdapter(OfferRecord)

log = structlog.get_logger("exporter.state")


def check(path: Path | None) -> None:
    """See whether a file can be kept there; without the lock, which a running exporter may hold.

    Raises:
        ConfigError: it cannot be written or read.
    """
    if path is None:
        return
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
        _read(path)
    except OSError as error:
        raise ConfigError([("collection.state_file", f"cannot keep {path}: {error.strerror}")]) from error
    except StateFileError as error:
        where, _, what = str(error).partition(": ")
        raise ConfigError([(where, what)]) from error


class StateFile:
    """Keeps the snapshot in a file; for one thread at a time.

    Raises:
        StateFileError: another process uses the file, or its folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = self._take()
        self._failed = False

    def _take(self) -> FileIO:
        path = self._path.with_name(self._path.name + ".lock")
        try:
            lock = open(path, "ab+", buffering=0, opener=_private)  # noqa: SIM115 - held until the end
        except OSError as error:
            raise StateFileError(f"collection.state_file: cannot write {path}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read(32).decode("ascii", "replace").strip()
            lock.close()
            raise StateFileError(
                f"collection.state_file: {self._path} is in use by process {holder or 'unknown'}; "
                "give each exporter a file of its own"
            ) from error
        with contextlib.suppress(OSError):  # a full disk; the lock holds all the same, only its holder is not told
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n".encode())
        return lock

    def load(self) -> Snapshot:
        """Read what was kept; a file that cannot be used is set aside with a warning."""
        content = _read(self._path)
        if content is None:
            return Snapshot()
        try:
            return _decode(content)
        except ValueError as error:
            self._set_aside(str(error))
            return Snapshot()

    def _set_aside(self, reason: str) -> None:
        aside = self._path.with_name(f"{self._path.name}.unusable-{time.time_ns()}")
        try:
            self._path.rename(aside)
        except OSError as error:  # a single file that is mounted cannot be renamed
            raise StateFileError(
                f"collection.state_file: {self._path} cannot be used, {reason}, nor set aside: {error.strerror}"
            ) from error
        log.warning("state file set aside, starting without it", file=str(aside), reason=reason)

    def save(self, snapshot: Snapshot) -> None:
        """Write the file; a failure is logged once until it works again, and ends nothing."""
        try:
            self._write(_encode(snapshot))
        except OSError as error:
            with contextlib.suppress(OSError):  # what is half written may fill the very disk that is full
                self._path.with_name(self._path.name + ".new").unlink()
            if not self._failed:
                log.error("state file not written", file=str(self._path), error=error.strerror)  # noqa: TRY400 - no bug, so no traceback
            self._failed = True
        else:
            self._failed = False

    def _write(self, pieces: Iterable[bytes]) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        with open(fresh, "wb", opener=_private) as file:
            with GzipFile(fileobj=file, mode="wb", compresslevel=1) as packed:
                packed.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        _sync_folder(self._path.parent)

    def close(self) -> None:
        """Release the file for another process."""
        self._lock.close()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _read(path: Path) -> bytes | None:
    """Read a regular file of a bearable size, None if there is none; a pipe or a device would never end."""
    try:
        with open(path, "rb", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise StateFileError(f"collection.state_file: {path} is no regular file")
            if status.st_size > MAX_SIZE:
                raise StateFileError(f"collection.state_file: {path} is larger than {MAX_SIZE} bytes; move it away")
            return file.read(MAX_SIZE)
    except IsADirectoryError as error:
        raise StateFileError(f"collection.state_file: {path} is no regular file") from error
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateFileError(f"collection.state_file: cannot read {path}: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _encode(snapshot: Snapshot) -> Iterator[bytes]:
    """Write offer by offer: one call for all would keep every other thread waiting, 0.2 s at 10,000 offers."""
    yield json.dumps({"format": FORMAT, "version": VERSION}).encode() + b'\n{"publishers":['
    for place, record in enumerate(snapshot.publishers):
        rest = _PUBLISHER.dump_json(record, exclude={"offers"}).removesuffix(b"}")
        yield (b"," if place else b"") + rest + b',"offers":['
        for number, offer in enumerate(record.offers):
            yield (b"," if number else b"") + _OFFER.dump_json(offer)
        yield b"]}"
    yield b"]}\n"


def _decode(content: bytes) -> Snapshot:
    file = GzipFile(fileobj=BytesIO(content)) if content.startswith(b"\x1f\x8b") else BytesIO(content)
    try:
        head, body = file.readline(MAX_HEAD), file.read(MAX_SIZE)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it is damaged: {error}") from None
    try:
        about = json.loads(head)
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError("it is not a state file of this exporter")
    if about.get("version") not in READABLE:
        raise ValueError(f"its version is {about.get('version')!r}, this exporter writes {VERSION}")
    try:
        return _SNAPSHOT.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise ValueError(f"it is damaged: {first['msg']}") from None
