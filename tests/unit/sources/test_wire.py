"""From what the APIs send to plain values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from pydantic import TypeAdapter
from structlog.testing import capture_logs

from exporter.domain.errors import DecodeError
from exporter.domain.offers import StepStatus
from exporter.domain.texts import identifier, text
from exporter.sources.wire import MAX_LOGGED, Entries, Inner, Reading, UnknownValues, WireModel, decode, timestamp
from exporter.telemetry.metrics import PREFIX, Telemetry
from tests.unit.make import NOW, Clock

MOMENT = 1767607872.0  # 2026-01-05T10:11:12Z


class Odd(UnknownValues):
    """With the counter at hand."""

    def __init__(self) -> None:
        self.registry = (telemetry := Telemetry()).registry
        super().__init__(telemetry, "cloud_partner", Clock())

    def counted(self, field: str) -> float | None:
        return self.registry.get_sample_value(f"{PREFIX}unknown_values_total", {"field": field})


@pytest.fixture
def odd() -> Odd:
    return Odd()


class Part(WireModel):
    name: Any = None


class Thing(WireModel):
    step_name: Any = None
    status: Any = "default"
    numbers: tuple[int, ...] = ()
    parts: Entries[Part] = ()
    inner: Inner[Part] = Part()


def read(body: bytes | str) -> Thing:
    return decode(TypeAdapter(Thing), body if isinstance(body, bytes) else body.encode(), Reading("the thing", Odd()))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2026-01-05T10:11:12Z", MOMENT),
        ("2026-01-05T10:11:12", MOMENT),  # in public recordings, as UTC
        ("2026-01-05T10:11:12.5", MOMENT + 0.5),
        ("2026-01-05T10:11:12.123456789Z", MOMENT + 0.123456789),
        ("2026-01-05T12:11:12+02:00", MOMENT),
        ("2026-01-05T12:11:12+0200", MOMENT),
        ("2026-01-05T05:11:12.5-05:00", MOMENT + 0.5),
        ("2026-01-05 10:11:12Z", MOMENT),
        ("2026-01-05 12:11:12.5 +0200", MOMENT + 0.5),
        ("2026-01-05T10:11:12  z", MOMENT),
        (" 2026-01-05t10:11:12z ", MOMENT),
        ("2026-01-05T10:11Z", MOMENT - 12),
        ("2026-01-05", MOMENT - 36672),
        ("1969-12-31T23:59:59Z", -1.0),
        (None, None),
        ("", None),
        ("0001-01-01T00:00:00.0000000Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("1601-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
    ],
)
def test_timestamp(raw: Any, expected: float | None) -> None:
    assert timestamp(raw) == (None if expected is None else pytest.approx(expected, abs=1e-6))


@pytest.mark.parametrize(
    "raw",
    [
        "10:11:12",
        "2026-13-05T10:11:12Z",
        "2026-02-30T10:11:12Z",
        "2026-01-05T10:11:60Z",
        "2026-01-05T10:11:12+99:99",
        1736071872,
        True,
        ["2026-01-05T10:11:12Z"],
    ],
)
def test_unreadable_timestamp_is_counted_and_none(raw: Any, odd: Odd) -> None:
    assert odd.timestamp(raw) is None
    assert odd.counted("timestamp") == 1


@pytest.mark.parametrize(
    ("ahead", "shown", "count"), [(-1, NOW - 1, 0), (0, NOW, 0), (300, NOW, 0), (301, None, 1), (1e9, None, 1)]
)
def test_no_time_later_than_now_is_kept(ahead: float, shown: float | None, count: int, odd: Odd) -> None:
    """A clock that is a little ahead tells of now; what lies further ahead is no time of what has happened."""
    assert odd.timestamp(datetime.fromtimestamp(NOW + ahead, UTC).isoformat()) == shown
    assert odd.counted("timestamp") == count


@limits(max_examples=50)
@given(st.text() | st.datetimes().map(datetime.isoformat))
def test_timestamp_never_raises_anything_else(raw: str) -> None:
    try:
        value = timestamp(raw)
    except (ValueError, OverflowError):
        return
    assert value is None or isinstance(value, float)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (0, 0),
        (-3, -3),
        (" 12 ", 12),
        (636576975611768314, 636576975611768314),
        ("636576975611768314", 636576975611768314),
        (2**64 - 1, 2**64 - 1),
        (None, None),
        ("", None),
    ],
)
def test_whole_number(raw: Any, expected: int | None, odd: Odd) -> None:
    """Versions are 64-bit integers: larger than a float can tell apart."""
    assert odd.whole_number(raw) == expected
    assert odd.counted("number") == 0


@pytest.mark.parametrize("raw", [True, 12.0, "1.5", "twelve", "9" * 5000, 2**64, "1" + "0" * 400, [], {}])
def test_unreadable_number_is_counted_and_none(raw: Any, odd: Odd) -> None:
    """No number is so large that it could not be exposed."""
    assert odd.whole_number(raw) is None
    assert odd.counted("number") == 1


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("  two\n\twords ", "two words"),
        ("tab\tbell\a", "tab bell"),
        ("\x1b[31mred", "[31mred"),
        ("zero\u200bwidth \u202eright to left", "zero width right to left"),
        ("認証 🎉", "認証 🎉"),
        ("lone \ud83d surrogate", "lone ? surrogate"),
        (None, ""),
        ([], ""),
        ({"a": 1}, ""),
        (True, "True"),
        (1.5, "1.5"),
        ("x" * 256, "x" * 256),
        ("x" * 257, "x" * 255 + "…"),
    ],
)
def test_text(raw: Any, expected: str) -> None:
    assert text(raw) == expected


def test_text_is_bounded_before_it_is_cleaned() -> None:
    assert text("x" * 10_000_000, 10) == "x" * 9 + "…"


@limits(max_examples=50)
@given(st.text(st.characters(codec=None, exclude_categories=())) | st.integers() | st.floats() | st.booleans())
def test_text_can_always_be_encoded_and_printed(raw: Any) -> None:
    """Lone surrogates included: they never get as far as the encoder."""
    clean = text(raw)
    clean.encode("utf-8")
    assert len(clean) <= 256
    assert clean.isprintable()
    assert clean == clean.strip()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (" my-vm ", "my-vm"),
        (1152921500000000001, "1152921500000000001"),
        ("x" * 512, "x" * 512),
        ("x" * 513, ""),
        (10**400, ""),
        (".", ""),
        (" .. ", ""),  # in a path both would lead elsewhere
        ("bell\a", ""),
        ("two  blanks", ""),
        ("lone \ud83d surrogate", ""),
        (None, ""),
        ("", ""),
        (True, ""),
        (1.5, ""),
        (["my-vm"], ""),
    ],
)
def test_identifier(raw: Any, expected: str, odd: Odd) -> None:
    """Whole or not at all: what is shortened or cleaned may be the id of another."""
    assert identifier(raw) == odd.identifier("offer_id", raw) == expected
    assert odd.counted("offer_id") == (not expected and raw not in (None, ""))


@pytest.mark.parametrize("key", ["stepName", "STEPNAME", "step_name"])
def test_keys_in_any_case(key: str) -> None:
    assert read(json.dumps({key: "Live"})).step_name == "Live"


def test_null_is_the_same_as_absent_and_unknown_keys_are_ignored() -> None:
    assert read('{"status": null, "numbers": null, "pcMigrationStatus": "none", "more": {"x": [1]}}') == Thing()
    assert read('{"status": "running", "Status": null}').status == "running"


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"stepName": "Live"}', b' {"stepName": "Live"}\r\n'])
def test_byte_order_mark_and_white_space_around(body: bytes) -> None:
    assert read(body).step_name == "Live"


def test_a_title_cut_inside_of_a_surrogate_pair() -> None:
    r"""`\ud83d` alone is what cutting an emoji in UTF-16 leaves; the rest of the answer is still good."""
    thing = read('{"stepName": "Live \\ud83d", "status": "running"}')
    assert (text(thing.step_name), thing.status) == ("Live ?", "running")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON at line 1 column 1"),
        (b"{\n'status': 1}", "no JSON at line 2 column 1"),
        (b'{"status": "run', "no JSON at line 1 column 12"),
        (b'{"status": "\xff"}', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"status": ' + b"9" * 5000 + b"}", "no JSON"),
        (b"null", "Input should be a valid dictionary or instance of Thing"),
        (
            b'{"numbers": [1, "sesame"]}',
            "numbers.1: Input should be a valid integer, unable to parse string as an integer",
        ),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_cannot_be_decoded(body: bytes, said: str) -> None:
    """The error says where, and shows nothing of the body."""
    with pytest.raises(DecodeError) as caught:
        read(body)
    assert str(caught.value) == f"the thing cannot be read: {said}"


def test_entries_are_read_one_by_one(odd: Odd) -> None:
    reading = Reading("the whole of contoso/vm", odd)
    body = b'{"parts": [{"name": "a"}, null, "b", 3, [], {"Name": "c"}], "inner": "d"}'
    with capture_logs() as logs:
        for _ in range(2):
            whole = decode(TypeAdapter(Thing), body, reading)
    assert [one.name for one in whole.parts] == ["a", "c"]
    assert whole.inner == Part()
    assert (reading.unusable, odd.counted("entry")) == (10, 10)
    assert [one["value"] for one in logs] == [
        "null at parts[1] of the whole of contoso/vm",
        "text at parts[2] of the whole of contoso/vm",
        "number at parts[3] of the whole of contoso/vm",
        "list at parts[4] of the whole of contoso/vm",
        "text at inner of the whole of contoso/vm",
    ]


def test_each_odd_value_is_counted_every_time_and_logged_once(odd: Odd) -> None:
    with capture_logs() as logs:
        for raw in ("published", "published", "Published", "paused"):
            assert odd.state(StepStatus, "step_status", raw) is StepStatus.UNKNOWN
        assert odd.state(StepStatus, "step_status", "complete") is StepStatus.COMPLETE
    assert odd.counted("step_status") == 4
    assert [(one["source"], one["field"], one["value"]) for one in logs] == [
        ("cloud_partner", "step_status", raw) for raw in ("published", "Published", "paused")
    ]


def test_odd_values_without_end_are_not_logged_without_end(odd: Odd) -> None:
    with capture_logs() as logs:
        for number in range(MAX_LOGGED + 10):
            odd.note("step_status", f"status {number}")
    assert len(logs) == MAX_LOGGED
    assert odd.counted("step_status") == MAX_LOGGED + 10
