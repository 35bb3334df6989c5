"""Lists of objects, in one answer or in pages the way both Partner Center APIs send them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

from pydantic import Field, TypeAdapter, model_validator

from exporter.domain.errors import DecodeError, NotFoundError
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.wire import Entries, Reading, UnknownValues, WireModel, decode

__all__ = ["MAX_PAGES", "Page", "PagedEntries", "Pages"]

MAX_PAGES = 500

Entry = TypeVar("Entry")


class Page(WireModel, Generic[Entry]):
    """One page of a list, or a bare list; the link to the next page has been seen under three names."""

    value: Entries[Entry]
    next_link: Any = None
    at_next_link: Any = Field(default=None, alias="@nextlink")
    odata_next_link: Any = Field(default=None, alias="@odata.nextlink")

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: Any) -> Any:
        return {"value": data} if isinstance(data, list) else data

    @property
    def following(self) -> str:
        """The link to the next page, empty on the last one."""
        links = (self.next_link, self.at_next_link, self.odata_next_link)
        return next((link for link in links if isinstance(link, str) and link), "")


@dataclass(frozen=True, slots=True)
class PagedEntries(Generic[Entry]):
    """All entries that can be used; `is_whole` unless some cannot, or a page is missing."""

    entries: tuple[Entry, ...]
    is_whole: bool = True


class Pages(Generic[Entry]):
    """Reads one kind of list; `shape` is that of its pages, `what` names it in errors."""

    def __init__(self, operation: str, shape: type[Page[Entry]], what: str) -> None:
        self._operation = operation
        self._shape = TypeAdapter(shape)
        self._what = what

    def read(
        self,
        client: ApiClient,
        path: str,
        values: UnknownValues,
        deadline: Deadline,
        params: Mapping[str, str] | None = None,
    ) -> PagedEntries[Entry]:
        """Read all pages; one that is not there (404) after the first ends the list.

        Of a link only the query is used, wherever it leads: the token goes nowhere else.

        Raises:
            SourceError: a page could not be had, nothing in it can be used, or there is no end.
        """
        reading = Reading(f"{self._what} at {path}", values)
        entries: list[Entry] = []
        asked = dict(params or {})
        seen: list[dict[str, str]] = []
        while len(seen) < MAX_PAGES:
            seen.append(asked)
            try:
                body = client.get(self._operation, path, params=asked, deadline=deadline)
            except NotFoundError as error:
                if len(seen) == 1:
                    raise
                values.missing_page(reading.what, error.reason)
                return PagedEntries(tuple(entries), is_whole=False)
            page = decode(self._shape, body, reading)
            entries += page.value
            if not page.following:
                return _listing(entries, reading)
            asked = dict(params or {}) | dict(parse_qsl(page.following.partition("#")[0].partition("?")[2]))
            if asked in seen:
                raise DecodeError(f"{self._what} cannot be read: a page leads back to one before it")
        raise DecodeError(f"{self._what} cannot be read: it has more than {MAX_PAGES} pages")


def _listing(entries: list[Entry], reading: Reading) -> PagedEntries[Entry]:
    if reading.unusable and not entries:
        raise DecodeError(f"{reading.what} cannot be read: it holds no object")
    return PagedEntries(tuple(entries), is_whole=not reading.unusable)
