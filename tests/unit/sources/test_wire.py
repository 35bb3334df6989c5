from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from structlog.testing import capture_logs

from exporter.domain.errors import DecodeError
from exporter.domain.offers import StepStatus
from exporter.domain.texts import identifier, text
from exporter.sources.wire import (
    MAX_LOGGED,
    Entries,
    Inner,
    Reading,
    UnknownValues,
    WireModel,
    decode,
    timestamp,
    whole_number,
)
from exporter.telemetry.metrics import Telemetry
from tests.unit.make import NOW, Clock

MOMENT = datetime(2026, 1, 5, 10, 11, 12, tzinfo=UTC).timestamp()


class Thing(WireModel):
    step_name: Any = None
    status: Any = "default"
    parts: tuple[int, ...] = ()


THING = TypeAdapter(Thing)


def read(body: bytes, telemetry: Telemetry | None = None) -> Thing:
    values = UnknownValues(telemetry or Telemetry(), "test", Clock())
    return decode(THING, body, Reading("the thing", values))


class Part(WireModel):
    name: Any = None


class Whole(WireModel):
    parts: Entries[Part] = ()
    inner: Inner[Part] = Part()


def counted(telemetry: Telemetry, field: str) -> float:
    value = telemetry.registry.get_sample_value("azure_marketplace_exporter_unknown_values_total", {"field": field})
    assert value is not None
    return value


@pytest.mark.parametrize("digits", range(10))
@pytest.mark.parametrize("zone", ["Z", "z", "", "+00:00", "-00:00"])
def test_timestamp_with_any_fraction_with_or_without_zone(digits: int, zone: str) -> None:
    """Without a zone it is UTC: `2022-06-02T12:25:56.651` is in public recordings."""
    fraction = "123456789"[:digits]
    raw = f"2026-01-05T10:11:12{'.' if fraction else ''}{fraction}{zone}"
    assert timestamp(raw) == pytest.approx(MOMENT + float(f"0.{fraction or 0}"), abs=1e-6)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2026-01-05T12:11:12+02:00", MOMENT),
        ("2026-01-05T12:11:12+0200", MOMENT),
        ("2026-01-05T05:11:12.5-05:00", MOMENT + 0.5),
        ("2026-01-05 10:11:12Z", MOMENT),
        (" 2026-01-05t10:11:12z ", MOMENT),
        ("1969-12-31T23:59:59Z", -1.0),
        (None, None),
        ("", None),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01T00:00:00.0000000Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("1601-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59.9999999", None),
        ("9999-12-31T23:59:59-12:00", None),
    ],
)
def test_timestamp(raw: Any, expected: float | None) -> None:
    assert timestamp(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "yesterday",
        "2026-01-05",
        "10:11:12",
        "2026-13-05T10:11:12Z",
        "2026-02-30T10:11:12Z",
        "2026-01-05T25:11:12Z",
        "2026-01-05T10:11:60Z",
        "2026-01-05T10:11Z",
        "2026-01-05T10:11:12.Z",
        "2026-01-05T10:11:12.1234567890Z",
        "2026-01-05T10:11:12+99:99",
        1736071872,
        17.5,
        True,
        ["2026-01-05T10:11:12Z"],
        {},
    ],
)
def test_unreadable_timestamp_is_counted_and_none(raw: Any) -> None:
    telemetry = Telemetry()
    assert UnknownValues(telemetry, "test", Clock()).timestamp(raw) is None
    assert counted(telemetry, "timestamp") == 1


@pytest.mark.parametrize(
    ("ahead", "shown", "odd"),
    [(-1, NOW - 1, 0), (0, NOW, 0), (1, NOW, 0), (300, NOW, 0), (301, None, 1), (1e9, None, 1)],
)
def test_no_time_later_than_now_is_kept(ahead: float, shown: float | None, odd: int) -> None:
    """A clock that is a little ahead tells of now; what lies further ahead is no time of what has happened."""
    telemetry = Telemetry()
    raw = datetime.fromtimestamp(NOW + ahead, UTC).isoformat()
    assert UnknownValues(telemetry, "test", Clock()).timestamp(raw) == shown
    assert counted(telemetry, "timestamp") == odd


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
        (12, 12),
        (0, 0),
        (-3, -3),
        ("12", 12),
        (" 12 ", 12),
        (636576975611768314, 636576975611768314),
        ("636576975611768314", 636576975611768314),
        (2**63, 2**63),
        (None, None),
        ("", None),
    ],
)
def test_whole_number(raw: Any, expected: int | None) -> None:
    """Versions are 64-bit integers: larger than a float can tell apart."""
    assert whole_number(raw) == expected


@pytest.mark.parametrize("raw", [True, 1.5, 12.0, "1.5", "twelve", "9" * 5000, 10**400, "1" + "0" * 400, [], {}])
def test_unreadable_number_is_counted_and_none(raw: Any) -> None:
    """No number is so large that it could not be exposed."""
    telemetry = Telemetry()
    assert UnknownValues(telemetry, "test", Clock()).whole_number(raw) is None
    assert counted(telemetry, "number") == 1


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Certification", "Certification"),
        ("  two\n\twords ", "two words"),
        ("tab\tbell\a", "tab bell"),
        ("\x1b[31mred", "[31mred"),
        ("zero\u200bwidth \u202eright to left", "zero width right to left"),
        ("認証 🎉", "認証 🎉"),
        ("lone \ud83d surrogate", "lone ? surrogate"),
        ("", ""),
        (None, ""),
        ([], ""),
        ({"a": 1}, ""),
        (7, "7"),
        (True, "True"),
        (1.5, "1.5"),
    ],
)
def test_text(raw: Any, expected: str) -> None:
    assert text(raw) == expected


def test_text_is_bounded() -> None:
    assert text("x" * 256) == "x" * 256
    assert text("x" * 257) == "x" * 255 + "…"
    assert text("x" * 10_000_000, 10) == "x" * 9 + "…"


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
        ("my-vm", "my-vm"),
        (" my-vm ", "my-vm"),
        (1152921500000000001, "1152921500000000001"),
        ("x" * 512, "x" * 512),
        ("x" * 513, ""),
        (10**400, ""),
        ("bell\a", ""),
        ("two  blanks", ""),
        ("lone \ud83d surrogate", ""),
        (None, ""),
        ("", ""),
        (True, ""),
        (1.5, ""),
        (["my-vm"], ""),
        ({}, ""),
    ],
)
def test_identifier(raw: Any, expected: str) -> None:
    """Whole or not at all: what is shortened or cleaned may be the id of another."""
    assert identifier(raw) == expected
    telemetry = Telemetry()
    assert UnknownValues(telemetry, "test", Clock()).identifier("offer_id", raw) == expected
    assert counted(telemetry, "offer_id") == (not expected and raw not in (None, ""))


@pytest.mark.parametrize("key", ["stepName", "StepName", "STEPNAME", "stepname", "step_name"])
def test_keys_in_any_case(key: str) -> None:
    assert read(json.dumps({key: "Live"}).encode()).step_name == "Live"


def test_null_is_the_same_as_absent_and_unknown_keys_are_ignored() -> None:
    thing = read(b'{"status": null, "parts": null, "pcMigrationStatus": "none", "more": {"x": [1]}}')
    assert thing == Thing()
    assert thing.status == "default"


def test_null_does_not_hide_the_same_key_in_another_case() -> None:
    assert read(b'{"status": "running", "Status": null}').status == "running"


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"stepName": "Live"}', b' {"stepName": "Live"}\r\n'])
def test_byte_order_mark_and_white_space_around(body: bytes) -> None:
    assert read(body).step_name == "Live"


def test_a_title_cut_inside_of_a_surrogate_pair() -> None:
    r"""`\ud83d` alone is what cutting an emoji in UTF-16 leaves; the rest of the answer is still good."""
    thing = read(b'{"stepName": "Live \\ud83d", "status": "running"}')
    assert (text(thing.step_name), thing.status) == ("Live ?", "running")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>sign in</html>",
        b'{"status": "running",}',
        b"{'status': 'running'}",
        b'{"status": "run',
        b'{"status": "\xff"}',
        b'"running"',
        b"null",
        b"[]",
        b'{"parts": "none"}',
        b'{"parts": [1, "x"]}',
        b"[" * 100_000,
        b'{"status": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_cannot_be_decoded(body: bytes) -> None:
    with pytest.raises(DecodeError, match=r"^the thing cannot be read: ") as caught:
        read(body)
    assert len(str(caught.value)) < 200


def test_a_decode_error_says_where_and_shows_nothing_of_the_body() -> None:
    with pytest.raises(DecodeError) as caught:
        read(b'{"parts": [1, "sesame"]}')
    assert "parts.1: " in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_entries_are_read_one_by_one() -> None:
    telemetry = Telemetry()
    reading = Reading("the whole of contoso/vm", UnknownValues(telemetry, "test", Clock()))
    body = b'{"parts": [{"name": "a"}, null, "b", 3, [], {"Name": "c"}], "inner": "d"}'
    with capture_logs() as logs:
        for _ in range(2):
            whole = decode(TypeAdapter(Whole), body, reading)
    assert whole == Whole(parts=({"name": "a"}, {"name": "c"}))  # type: ignore[arg-type]
    assert (reading.unusable, counted(telemetry, "entry")) == (10, 10)
    assert [one["value"] for one in logs] == [
        "null at parts[1] of the whole of contoso/vm",
        "text at parts[2] of the whole of contoso/vm",
        "number at parts[3] of the whole of contoso/vm",
        "list at parts[4] of the whole of contoso/vm",
        "text at inner of the whole of contoso/vm",
    ]


def test_each_odd_value_is_counted_every_time_and_logged_once() -> None:
    telemetry = Telemetry()
    odd = UnknownValues(telemetry, "cloud_partner", Clock())
    with capture_logs() as logs:
        for raw in ("published", "published", "Published", "paused"):
            assert odd.state(StepStatus, "step_status", raw) is StepStatus.UNKNOWN
        assert odd.state(StepStatus, "step_status", "complete") is StepStatus.COMPLETE
    assert counted(telemetry, "step_status") == 4
    assert [one["value"] for one in logs] == ["published", "Published", "paused"]
    assert {one["field"] for one in logs} == {"step_status"}
    assert {one["source"] for one in logs} == {"cloud_partner"}


def test_odd_values_without_end_are_not_logged_without_end() -> None:
    telemetry = Telemetry()
    odd = UnknownValues(telemetry, "cloud_partner", Clock())
    with capture_logs() as logs:
        for number in range(MAX_LOGGED + 10):
            odd.note("step_status", f"status {number}")
    assert len(logs) == MAX_LOGGED
    assert counted(telemetry, "step_status") == MAX_LOGGED + 10
