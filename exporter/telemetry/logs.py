"""Logs on standard error, as logfmt or JSON, with secrets blotted out."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog

from exporter.config.settings import LogSettings
from exporter.telemetry.blotting import Blotter

__all__ = ["set_up"]


def set_up(settings: LogSettings, secrets: Callable[[], tuple[str, ...]], stream: TextIO | None = None) -> None:
    """Send our logs and those of the libraries to `stream`, by default standard error.

    `secrets` is asked at every line for the texts that must not appear in it: tokens and passwords are never logged on
    purpose, this is the second fence.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.processors.LogfmtRenderer(key_order=("ts", "level", "logger", "event"), bool_as_flag=False)
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _clean(Blotter(secrets)),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    # Libraries speak up only for what we don't report ourselves, at every level that the user may choose.
    for chatty in ("uvicorn", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    for chatty in ("azure", "msal"):  # an answer of the token endpoint that is no JSON would be logged as a whole
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _clean(blot: Blotter) -> Any:
    """Make every value a text without secrets, then without line breaks.

    Logfmt has none, and text from outside must not forge a line. Escaped first, a secret of several lines would not be
    recognised.
    """

    def clean(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {
            key: value if isinstance(value, int | float) else blot(str(value)).replace("\r", "\\r").replace("\n", "\\n")
            for key, value in event.items()
        }

    return clean
