"""What Microsoft says about an offer that waits for its publisher: the one message to read first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from exporter.domain.offers import Level, Message, Offer, Party
from exporter.domain.plain_text import plain_text

__all__ = ["MAX_TEXT", "Notice", "notice_of"]

MAX_TEXT = 200


class Notice(NamedTuple):
    """A message as one line of text; `step_id` is empty if it belongs to the offer itself."""

    step_id: str
    level: Level
    text: str


def notice_of(offer: Offer) -> Notice | None:
    """The newest error, else the newest warning, that has words; None while the publisher need not act."""
    if offer.waiting_on is not Party.PUBLISHER:
        return None
    found = list(_messages(offer))
    for level in (Level.ERROR, Level.WARNING):
        # Later ones stand behind earlier ones, in the API as well: of two without a time the last is the newest.
        of_level = sorted((one for one in found if one[1].level is level), key=lambda one: one[1].timestamp or 0.0)
        for step_id, message in reversed(of_level):
            if text := _line(message.html):
                return Notice(step_id, level, text)
    return None


def _messages(offer: Offer) -> Iterator[tuple[str, Message]]:
    yield from (("", message) for message in offer.messages)
    yield from ((step.step_id, message) for step in offer.steps for message in step.messages)


def _line(html: str) -> str:
    text = " ".join(plain_text(html).split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "\u2026"
