from __future__ import annotations

import pytest

from exporter.domain.notices import MAX_TEXT, notice_of
from exporter.domain.offers import Level, Offer, OfferStatus, StepStatus
from tests.unit.make import NOW, message, offer, step

ERROR, WARNING, INFORMATION = Level.ERROR, Level.WARNING, Level.INFORMATION
FAILED = OfferStatus.FAILED
OLD = message(ERROR, NOW - 9, "old")
NEW = message(ERROR, NOW - 1, "<p>The <b>image</b> is not&nbsp;generalized.</p>")


@pytest.mark.parametrize(
    ("shown", "notice"),
    [
        (offer(status=FAILED, messages=(NEW, OLD)), ("", ERROR, "The image is not generalized.")),
        (offer(status=FAILED, messages=(OLD,), steps=(step(messages=(NEW,)),)), ("certify", ERROR, NEW.html)),
        (offer(status=FAILED, messages=(OLD, message(WARNING, NOW, "newer"))), ("", ERROR, "old")),
        (offer(status=FAILED, messages=(OLD, message(ERROR, NOW, "<br> "))), ("", ERROR, "old")),
        (
            offer(status=FAILED, messages=(message(ERROR, NOW, ""), message(WARNING, html="careful"))),
            ("", WARNING, "careful"),
        ),
        (offer(status=FAILED, messages=(message(ERROR, html="a"), message(ERROR, html="b"))), ("", ERROR, "b")),
        (offer(status=FAILED, messages=(message(INFORMATION, NOW, "fine"),)), None),
        (offer(status=FAILED), None),
        (offer(steps=(step(status=StepStatus.REJECTED, messages=(OLD,)),)), ("certify", ERROR, "old")),
        (offer(steps=(step(status=StepStatus.BLOCKED, messages=(OLD,)),)), ("certify", ERROR, "old")),
        (offer(status=OfferStatus.WAITING_FOR_PUBLISHER_REVIEW, messages=(OLD,)), ("", ERROR, "old")),
        (offer(messages=(OLD,)), None),
        (offer(status=OfferStatus.SUCCEEDED, messages=(OLD,)), None),
        (offer(status=OfferStatus.CANCELED, steps=(step(status=StepStatus.REJECTED, messages=(OLD,)),)), None),
    ],
)
def test_the_message_to_read_first(shown: Offer, notice: tuple[str, Level, str] | None) -> None:
    expected = notice and (*notice[:2], notice[2].replace(NEW.html, "The image is not generalized."))
    assert notice_of(shown) == expected


def test_the_text_is_one_short_line() -> None:
    found = notice_of(offer(status=FAILED, messages=(message(ERROR, html="<p>one</p><ul><li>two</ul>" + "x" * 999),)))
    assert found is not None
    assert found.text.startswith("one \u2022 two xxx")
    assert len(found.text) == MAX_TEXT
    assert found.text.endswith("x\u2026")
