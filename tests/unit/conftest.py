"""What several unit tests share."""

from __future__ import annotations

import logging
import os
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
