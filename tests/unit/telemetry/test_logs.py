from __future__ import annotations

import io
import json
import logging
import re
from typing import Any, Literal

import pytest
import structlog

from exporter.config.settings import LogSettings
from exporter.telemetry.logs import set_up

pytestmark = pytest.mark.usefixtures("own_logging")


def logs(form: Literal["logfmt", "json"] = "logfmt", level: Any = "info", secrets: tuple[str, ...] = ()) -> io.StringIO:
    stream = io.StringIO()
    set_up(LogSettings(level=level, format=form), lambda: secrets, stream)
    return stream


def fail(text: str) -> None:
    raise ValueError(text)


def test_logfmt() -> None:
    stream = logs()
    structlog.get_logger("exporter.test").warning(
        "offer lost", offer_id="my vm", count=2, ratio=0.5, up=False, why=None
    )
    (line,) = stream.getvalue().splitlines()
    assert re.fullmatch(
        r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z level=warning logger=exporter.test event=\"offer lost\" "
        r"offer_id=\"my vm\" count=2 ratio=0.5 up=false why=None",
        line,
    )


def test_json() -> None:
    stream = logs("json")
    structlog.get_logger("exporter.test").info("offer lost", offer_id="größe", count=2)
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event.pop("ts").endswith("Z")
    assert event == {"level": "info", "logger": "exporter.test", "event": "offer lost", "offer_id": "größe", "count": 2}


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_level(level: str, count: int) -> None:
    stream = logs(level=level)
    log = structlog.get_logger("exporter.test")
    for one in ("debug", "info", "warning", "error"):
        getattr(log, one)("x")
        getattr(logging.getLogger("library"), one)("y")
    assert len(stream.getvalue().splitlines()) == 2 * count


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_one_event_is_one_line(form: Literal["logfmt", "json"]) -> None:
    """Text from outside must not forge a line, and a trace has many."""
    stream = logs(form)
    log = structlog.get_logger("exporter.test")
    log.info("a\nts=now level=error\r\nb", other="c\nd")
    try:
        fail("two\nlines")
    except ValueError:
        log.exception("broke")
        logging.getLogger("library").exception("broke as well")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert all("ValueError: two" in line and "Traceback" in line for line in lines[1:])


def test_libraries_log_in_the_same_form() -> None:
    stream = logs("json")
    logging.getLogger("library").warning("%s of %d", "one", 2)
    event = json.loads(stream.getvalue())
    assert (event["event"], event["logger"], event["level"]) == ("one of 2", "library", "warning")


def test_chatty_libraries_are_quiet_even_in_debug() -> None:
    stream = logs(level="debug")
    for name in ("urllib3.connectionpool", "azure.identity", "msal", "uvicorn.error", "asyncio"):
        logging.getLogger(name).info("Bearer sesame")
    assert stream.getvalue() == ""


class Thing:
    def __str__(self) -> str:
        return "thing with sesame"

    __repr__ = __str__


@pytest.mark.parametrize("form", ["logfmt", "json"])
@pytest.mark.parametrize("value", ["Bearer sesame", {"token": ["sesame"]}, {"sesame": 1}, Thing(), b"sesame"])
def test_secrets_are_blotted_out_of_every_value_and_trace(form: Literal["logfmt", "json"], value: Any) -> None:
    stream = logs(form, secrets=("open", "sesame", "swordfish"))
    structlog.get_logger("exporter.test").info("swordfish", value=value)
    logging.getLogger("library").warning("it is %s", value)
    try:
        fail("the token is sesame")
    except ValueError:
        structlog.get_logger("exporter.test").exception("broke")
    assert "sesame" not in stream.getvalue()
    assert "swordfish" not in stream.getvalue()
    assert stream.getvalue().count("[hidden]") >= 4
    assert "the token is [hidden]" in stream.getvalue()


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_secret_of_several_lines(form: Literal["logfmt", "json"]) -> None:
    """It is recognised before its line breaks are escaped."""
    stream = logs(form, secrets=("one\ntwo\r\nthree",))
    structlog.get_logger("exporter.test").info("it is one\ntwo\r\nthree, is it?", value=["some\n", "one\ntwo"])
    assert "it is [hidden], is it?" in stream.getvalue()


def test_setting_up_again_replaces() -> None:
    first, second = logs(), logs()
    structlog.get_logger("exporter.test").info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1
