"""The API that the sources' tests ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .canned import Canned, serving


@pytest.fixture(scope="session")
def running() -> Iterator[Canned]:
    with serving() as canned:
        yield canned


@pytest.fixture
def server(running: Canned) -> Canned:
    """Nothing asked so far, and nothing written down."""
    running.clear()
    return running
