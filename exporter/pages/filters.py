"""What a visitor wants to see of the list of offers: the query parameters of the landing page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self
from urllib.parse import urlencode

from exporter.collection.snapshot import OfferRecord
from exporter.domain.offers import OfferStatus, Party
from exporter.pages.view import OfferView

__all__ = ["NO_DATA", "BadQueryError", "Filters"]

NO_DATA = "no_data"
MAX_TEXT = 200
MAX_PAGE_DIGITS = 6


class BadQueryError(ValueError):
    """A query parameter has a value that it cannot have; the text is for people."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which offers to show; an empty field asks for nothing. `page` counts from 1."""

    q: str = ""
    publisher: str = ""
    status: str = ""
    waiting_on: str = ""
    page: int = 1

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """Read query parameters; those without a meaning are ignored.

        Raises:
            BadQueryError: one is too long, or none of the values that it can have.
        """
        given = {field.name: query.get(field.name, "").strip() for field in fields(cls)}
        for name, text in given.items():
            if len(text) > MAX_TEXT:
                raise BadQueryError(f"{name}: longer than {MAX_TEXT} characters")
        _one_of("status", given["status"], [*OfferStatus, NO_DATA])
        _one_of("waiting_on", given["waiting_on"], [*Party])
        page = _page(given.pop("page"))
        return cls(**given, page=page)

    @property
    def is_empty(self) -> bool:
        """True if all offers are asked for."""
        return replace(self, page=1) == Filters()

    @property
    def beside(self) -> Self:
        """The filters beside the question who has to act, which the cards of the page answer."""
        return replace(self, waiting_on="", status="" if self.status == NO_DATA else self.status, page=1)

    def keeps(self, view: OfferView) -> bool:
        """True if the offer is to be shown."""
        record = view.record
        if self.publisher and self.publisher != record.publisher_id:
            return False
        if self.status and self.status != (view.status or NO_DATA):
            return False
        if self.waiting_on and self.waiting_on != view.waiting_on:
            return False
        return not self.q or self._has_words(record)

    def _has_words(self, record: OfferRecord) -> bool:
        title = record.offer.display_name if record.offer else ""
        text = f"{record.publisher_id}/{record.offer_id} {title}".casefold()
        return all(word in text for word in self.q.casefold().split())

    def link(self, **changes: Any) -> str:
        """Write these filters, or changed ones, as the query part of a link."""
        other = replace(self, **changes)
        given = {field.name: getattr(other, field.name) for field in fields(other)}
        return "?" + urlencode({key: value for key, value in given.items() if value not in {"", 1}})


def _one_of(name: str, value: str, known: list[str]) -> None:
    if value and value not in known:
        raise BadQueryError(f"{name}: {value!r} is none of {', '.join(known)}")


def _page(text: str) -> int:
    if not text:
        return 1
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_PAGE_DIGITS and int(text)):
        raise BadQueryError(f"page: {text!r} is no page number")
    return int(text)
