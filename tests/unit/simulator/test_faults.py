from __future__ import annotations

import pytest

from exporter.simulator.faults import Fault, FaultBook, read_faults
from exporter.simulator.operations import Operation

STATUS = Operation("offer_status", "/api/publishers/acme/offers/tool/status", "acme", "tool", "page=2&x=1")
LIST = Operation("list_offers", "/api/publishers/acme/offers", "acme")


@pytest.mark.parametrize(
    ("aim", "status", "listing"),
    [
        ({}, True, True),
        ({"publisher": "acme"}, True, True),
        ({"publisher": "other"}, False, False),
        ({"offer": "tool"}, True, False),
        ({"operation": "list_offers"}, False, True),
        ({"path": "/api/*/status"}, True, False),
        ({"path": "/api/publishers/acme/offers"}, False, True),
        ({"query": "*page=2*"}, True, False),
        ({"query": ""}, False, True),
        ({"offer": "tool", "operation": "list_offers"}, False, False),
    ],
)
def test_hits_what_it_is_aimed_at(aim: dict[str, str], status: bool, listing: bool) -> None:
    fault = Fault.model_validate({"kind": "null"} | aim)
    assert (fault.matches(STATUS), fault.matches(LIST)) == (status, listing)


def test_counts_and_spares() -> None:
    book = FaultBook(lambda: 0.0)
    book.add(read_faults('{"kind": "null", "skip": 2, "times": 3, "operation": "offer_status"}'))
    hits = [book.take(STATUS) is not None for _ in range(7)]
    assert hits == [False, False, True, True, True, False, False]
    assert book.take(LIST) is None
    assert book.as_json() == [{"kind": "null", "skip": 2, "times": 3, "operation": "offer_status", "hits": 3}]


def test_has_a_window() -> None:
    now = 100.0
    book = FaultBook(lambda: now)
    book.add([Fault(kind="null", after=10, lasts=5)])
    seen = []
    for now in (100, 109.9, 110, 114.9, 115):  # noqa: B007 - the book reads it
        seen.append(book.take(STATUS) is not None)  # noqa: PERF401
    assert seen == [False, False, True, True, False]


def test_the_first_of_several_hits_until_it_is_used_up() -> None:
    book = FaultBook(lambda: 0.0)
    book.add([Fault(kind="null", times=1), Fault(kind="html")])
    kinds = [fault.kind for fault in (book.take(STATUS), book.take(STATUS)) if fault]
    assert kinds == ["null", "html"]
    book.clear()
    assert book.take(STATUS) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"kind": "weird"}',
        '[{"kind": "null", "colour": 1}]',
        '{"kind": "null", "times": 0}',
        '{"kind": "status", "retry_after": "date:soon"}',
        "3",
    ],
)
def test_refuses_what_is_no_fault(text: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        read_faults(text)
