"""Lists that come in pages, the way both Partner Center APIs send them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import SplitResult, parse_qsl, urljoin, urlsplit

from pydantic import Field, TypeAdapter

from exporter.domain.errors import DecodeError
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.wire import WireModel, decode

__all__ = ["MAX_PAGES", "Page", "Pages"]

MAX_PAGES = 500

Entry = TypeVar("Entry")


class Page(WireModel, Generic[Entry]):
    """One page of a list; the link to the next has been seen under three names."""

    value: tuple[Entry, ...]
    next_link: Any = None
    at_next_link: Any = Field(default=None, alias="@nextlink")
    odata_next_link: Any = Field(default=None, alias="@odata.nextlink")

    @property
    def following(self) -> str:
        """The link to the next page, empty on the last one."""
        links = (self.next_link, self.at_next_link, self.odata_next_link)
        return next((link for link in links if isinstance(link, str) and link), "")


class Pages(Generic[Entry]):
    """Reads one kind of list; `shape` is that of its pages, `what` names it in errors.

    A list that does not come in an object is read as its only page.
    """

    def __init__(self, operation: str, shape: TypeAdapter[Page[Entry] | list[Entry]], what: str) -> None:
        self._operation = operation
        self._shape = shape
        self._what = what

    def read(self, client: ApiClient, path: str, *, params: Mapping[str, str], deadline: Deadline) -> tuple[Entry, ...]:
        """Read all pages.

        Of a link only the query is used, and only if it leads to the API's own host: the token goes nowhere else.

        Raises:
            SourceError: a page could not be had, a link leads elsewhere, or there is no end to them.
        """
        entries: list[Entry] = []
        asked = dict(params)
        seen = {frozenset(asked.items())}
        for _ in range(MAX_PAGES):
            page = decode(self._shape, client.get(self._operation, path, params=asked, deadline=deadline), self._what)
            if isinstance(page, list):
                return (*entries, *page)
            entries += page.value
            if not page.following:
                return tuple(entries)
            asked = dict(params) | self._query(page.following, client.base_url)
            if frozenset(asked.items()) in seen:
                raise DecodeError(f"{self._what} cannot be read: a page leads back to one before it")
            seen.add(frozenset(asked.items()))
        raise DecodeError(f"{self._what} cannot be read: it has more than {MAX_PAGES} pages")

    def _query(self, link: str, base_url: str) -> dict[str, str]:
        """Take the query out of a link, absolute or relative to the host."""
        try:
            target = urlsplit(urljoin(f"{base_url}/", link))
            home = urlsplit(base_url)
            is_home = _origin(target) == _origin(home)
        except ValueError:
            is_home = False
        if not is_home:
            raise DecodeError(f"{self._what} cannot be read: the link to its next page leads to another host")
        return dict(parse_qsl(target.query))


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or {"https": 443, "http": 80}.get(url.scheme)
