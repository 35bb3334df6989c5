"""What a scraper says, and how far it is believed."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from exporter.web.scrape import DEFAULT_TIMEOUT, MAX_TIMEOUT, joined, scrape_timeout

HEADER = b"x-prometheus-scrape-timeout-seconds"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("10", 9.5),
        ("60", 59.5),
        ("0.3", 0.1),
        ("-1", 0.1),
        ("60.5", MAX_TIMEOUT),
        ("1e9", MAX_TIMEOUT),
        ("inf", DEFAULT_TIMEOUT),
        ("nan", DEFAULT_TIMEOUT),
        ("soon", DEFAULT_TIMEOUT),
        (None, DEFAULT_TIMEOUT),
    ],
)
def test_timeout(said: str | None, seconds: float) -> None:
    headers = [] if said is None else [(HEADER, said.encode())]
    assert scrape_timeout(Request({"type": "http", "headers": headers})) == seconds


@pytest.mark.parametrize(
    ("fields", "whole"),
    [([], ""), (["text/plain"], "text/plain"), (["text/plain;q=0.5", "a/b, c/d"], "text/plain;q=0.5,a/b, c/d")],
)
def test_several_fields_are_one_list(fields: list[str], whole: str) -> None:
    headers = [(b"accept", one.encode()) for one in fields]
    assert joined(Request({"type": "http", "headers": headers}), "accept") == whole
