"""What several unit tests share."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog

from exporter.config.settings import ENV_PREFIX


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Put back what was there before a test set up the logs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("azure", "msal", "uvicorn", "asyncio", "urllib3")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, one in levels.items():
        logging.getLogger(name).setLevel(one)
    structlog.reset_defaults()


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all variables of the exporter out of the environment."""
    for name in os.environ:
        if name.startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture
def untraced() -> Iterator[None]:
    """Without the tracer of the coverage, which doubles the time; the mark `no_cover` does not reach all of it under xdist."""
    own, of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    yield
    sys.settrace(own)
    threading.settrace(of_threads)
