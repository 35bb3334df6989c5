"""Lists in pages: every page is read, and the token goes to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.domain.errors import DecodeError, NotFoundError, UpstreamError
from exporter.sources import paging
from exporter.sources.paging import Page, PagedEntries, Pages
from exporter.sources.wire import WireModel

from .canned import Answer, Bench, Canned, serving


class Thing(WireModel):
    """An entry of a list."""

    name: Any = None


THINGS = Pages("list_offers", Page[Thing], "the list of things")
PATH = "/v1/things"
ONE = {"value": [{"name": "one"}], "nextLink": "?page=2"}


@pytest.fixture(scope="module")
def stranger() -> Iterator[Canned]:
    with serving() as canned:
        yield canned


class Lists(Bench):
    def listing(self, **params: str) -> PagedEntries[Thing]:
        return THINGS.read(self.client, PATH, self.values, self.deadline(), params)

    def read(self, *pages: Any, **params: str) -> list[str]:
        """The names in a list that is whole."""
        if pages:
            self.canned.put(PATH, *pages)
        found = self.listing(**params)
        assert found.is_whole
        return [one.name for one in found.entries]


@pytest.fixture
def lists(server: Canned) -> Lists:
    return Lists(server)


@pytest.mark.parametrize("key", ["nextLink", "@nextLink", "@odata.nextLink", "NEXTLINK"])
@pytest.mark.parametrize("shape", ["v1/things?{}", "/v1/things?{}", "?{}", "{url}/v1/things?{}"])
def test_follows_links_of_all_names_and_shapes(lists: Lists, key: str, shape: str) -> None:
    link = shape.format("$skipToken=a%2Fb%26c", url=lists.canned.url)
    lists.canned.put(f"{PATH}?$skipToken=a/b&c", {"value": [{"name": "two"}], key: None})
    assert lists.read({"value": [{"name": "one"}], key: link}) == ["one", "two"]
    assert lists.canned.paths() == [PATH, f"{PATH}?$skipToken=a/b&c"]


@pytest.mark.parametrize("empty", ["", {}])
def test_a_link_that_says_nothing_hides_none_of_another_name(lists: Lists, empty: Any) -> None:
    lists.canned.put(f"{PATH}?page=2", {"value": [{"name": "two"}]})
    assert lists.read({"value": [{"name": "one"}], "nextLink": empty, "@nextLink": "?page=2"}) == ["one", "two"]


def test_keeps_the_parameters_that_a_link_does_not_repeat(lists: Lists) -> None:
    first = {"value": [], "@nextLink": f"{PATH}?continuationToken=2"}
    assert lists.read(first, [], **{"$version": "2022-07-01"}) == []
    assert lists.canned.paths()[1] == f"{PATH}?$version=2022-07-01&continuationToken=2"


def test_reads_a_bare_list_as_the_only_page(lists: Lists) -> None:
    assert lists.read([{"name": "one"}]) == ["one"]


@pytest.mark.parametrize("link", ["", None, 7, ["x"]])
def test_ends_where_there_is_no_link(lists: Lists, link: Any) -> None:
    assert lists.read(ONE | {"nextLink": link}) == ["one"]


@pytest.mark.parametrize("link", ["/v1/secrets?page=2#end", "{other}/v1/things?page=2", "https://[broken/x?page=2"])
def test_asks_its_own_path_and_host_wherever_a_link_points(lists: Lists, stranger: Canned, link: str) -> None:
    pages = ONE | {"nextLink": link.format(other=stranger.url)}, {"value": [{"name": "two"}]}
    assert lists.read(*pages) == ["one", "two"]
    assert lists.canned.paths() == [PATH, f"{PATH}?page=2"]
    assert not stranger.asked


def test_goes_in_no_circle(lists: Lists) -> None:
    lists.canned.put(f"{PATH}?page=2", ONE | {"nextLink": "?page=3"})
    lists.canned.put(f"{PATH}?page=3", ONE)
    with pytest.raises(DecodeError, match="leads back"):
        lists.read(ONE)
    assert len(lists.canned.asked) == 3


def test_ends_an_endless_list(lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_PAGES", 3)
    with pytest.raises(DecodeError, match="more than 3 pages"):
        lists.read(*(ONE | {"nextLink": f"?page={number}"} for number in range(1, 10)))
    assert len(lists.canned.asked) == 3


def test_a_page_that_fails_leaves_no_half_list(lists: Lists) -> None:
    with pytest.raises(UpstreamError):
        lists.read(ONE, Answer(status=500))


def test_a_page_that_is_not_there_ends_the_list(lists: Lists) -> None:
    """It is counted, and the pages before it are kept; a list without its first page is none."""
    lists.canned.put(PATH, ONE, Answer("Not Found", 404))
    with capture_logs() as logs:
        assert lists.listing() == PagedEntries((Thing(name="one"),), is_whole=False)
    assert lists.counted("refresh_failures_total", reason="not_found") == 1
    assert [one["list"] for one in logs] == ["the list of things at /v1/things"]
    with pytest.raises(NotFoundError):
        lists.listing()


def test_what_is_no_object_is_left_out(lists: Lists) -> None:
    lists.canned.put(PATH, ONE | {"value": [None, {"name": "one"}]}, {"value": [7]})
    assert lists.listing() == PagedEntries((Thing(name="one"),), is_whole=False)
    assert lists.odd() == {"entry": 2}


@pytest.mark.parametrize("body", [{}, {"nextLink": "?page=2"}, {"value": {"name": "one"}}, {"value": [1]}, [None]])
def test_a_page_without_a_list_is_no_empty_page(lists: Lists, body: Any) -> None:
    with pytest.raises(DecodeError):
        lists.read(body)
