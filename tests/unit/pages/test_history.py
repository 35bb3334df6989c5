"""The past of an offer on its page, as JSON and as CSV."""

from __future__ import annotations

import csv
import json
import re

from exporter.collection.snapshot import OfferRecord
from exporter.pages.history import write_csv, write_json
from exporter.pages.html import HtmlPages

from .samples import DAY, LENS, NOW, record, with_past

END = int(NOW)
ONE = with_past()
BLANK = OfferRecord("contoso", "new")


def test_json() -> None:
    assert json.loads(write_json(ONE)) == {
        "publisher_id": "contoso",
        "offer_id": "past",
        "expected_live_timestamp_seconds": {"0.5": NOW + DAY, "0.8": NOW + 3 * DAY},
        "usual_durations": {"certify": {"median_seconds": 2 * DAY, "late_seconds": 5 * DAY, "record_of": "offer"}},
        "publications_total": {"succeeded": 1, "failed": 1, "canceled": 0},
        "publications": [
            {
                "begun_timestamp_seconds": None,
                "ended_timestamp_seconds": END - 10 * DAY,
                "duration_seconds": None,
                "times": "observed",
                "outcome": "failed",
                "version": None,
            },
            {
                "begun_timestamp_seconds": END - 9 * DAY,
                "ended_timestamp_seconds": END - 4 * DAY,
                "duration_seconds": 5 * DAY,
                "times": "told",
                "outcome": "succeeded",
                "version": 7,
            },
        ],
        "step_durations": [
            {
                "source": "cloud_partner",
                "step_id": step_id,
                "begun_timestamp_seconds": END - 8 * DAY - seconds,
                "ended_timestamp_seconds": END - 8 * DAY,
                "duration_seconds": seconds,
                "times": times,
            }
            for step_id, seconds, times in (("certify", 2 * DAY, "observed"), ('=cmd,"', 60, "told"))
        ],
    }
    blank = json.loads(write_json(BLANK))
    assert (blank["publications"], blank["expected_live_timestamp_seconds"]) == ([], None)


def test_csv() -> None:
    """No id of a step becomes a formula."""
    table = list(csv.reader(write_csv(ONE).splitlines()))
    assert table == [
        ["kind", "source", "step_id", "begun", "ended", "duration_seconds", "outcome", "version", "times"],
        ["publication", "", "", "", "2026-09-11T14:13:20Z", "", "failed", "", "observed"],
        ["publication", "", "", "2026-09-12T14:13:20Z", "2026-09-17T14:13:20Z", "432000", "succeeded", "7", "told"],
        [
            "step",
            "cloud_partner",
            "certify",
            "2026-09-11T14:13:20Z",
            "2026-09-13T14:13:20Z",
            "172800",
            "",
            "",
            "observed",
        ],
        ["step", "cloud_partner", "'=cmd,\"", "2026-09-13T14:12:20Z", "2026-09-13T14:13:20Z", "60", "", "", "told"],
    ]


def test_page() -> None:
    pages = HtmlPages(telemetry_path="/metrics")
    html = pages.offer(ONE, LENS)
    assert (
        "<dt>Expected live</dt><dd>Tuesday 22 September <small>with 80&nbsp;% certainty before the end of Thursday 24"
        in html
    )
    assert "<span>Usually <b>2d</b></span>" in html
    assert "Last time 2d</span>" in html
    assert re.findall("<rect .*>", html) == ['<rect class="c-green" x="0.0" y="2" width="555.6" height="20"/>']
    assert '<a href="../../api/v1/offers/contoso/past/history?format=csv">CSV</a>' in html
    plain = pages.offer(record(), LENS)
    assert not any(words in plain for words in ("Expected live", "Usually", "Past publications"))
