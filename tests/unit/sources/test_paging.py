"""Lists in pages: every page is read, and the token goes to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.domain.errors import DecodeError, NotFoundError, UpstreamError
from exporter.sources import paging
from exporter.sources.cloud_partner import CloudPartnerSource
from exporter.sources.paging import Page, PagedEntries, Pages
from exporter.sources.wire import UnknownValues, WireModel

from .canned import Answer, Bench, Canned, serving


class Thing(WireModel):
    """An entry of a list."""

    name: Any = None


THINGS = Pages("list_offers", Page[Thing], "the list of things")


@pytest.fixture(scope="module")
def server() -> Iterator[Canned]:
    with serving() as canned:
        yield canned


@pytest.fixture(scope="module")
def stranger() -> Iterator[Canned]:
    with serving() as canned:
        yield canned


@pytest.fixture
def canned(server: Canned, stranger: Canned) -> Canned:
    for one in (server, stranger):
        one.clear()
    return server


def listing(bench: Bench, **params: str) -> PagedEntries[Thing]:
    values = UnknownValues(bench.telemetry, "test", bench.clock)
    return THINGS.read(bench.client, "/v1/things", values, bench.deadline(), params)


def read(canned: Canned, **params: str) -> list[str]:
    """The names in a list that is whole."""
    answers = dict(canned._answers)
    bench = Bench(canned, CloudPartnerSource)
    canned._answers.update(answers)
    found = listing(bench, **params)
    assert found.is_whole
    return [one.name for one in found.entries]


@pytest.mark.parametrize("key", ["nextLink", "@nextLink", "@odata.nextLink", "NEXTLINK"])
@pytest.mark.parametrize("shape", ["v1/things?{}", "/v1/things?{}", "?{}", "{url}/v1/things?{}"])
def test_follows_links_of_all_names_and_shapes(canned: Canned, key: str, shape: str) -> None:
    link = shape.format("$skipToken=a%2Fb%26c", url=canned.url)
    canned.put("/v1/things", {"value": [{"name": "one"}], key: link})
    canned.put("/v1/things?$skipToken=a/b&c", {"value": [{"name": "two"}], key: None})
    assert read(canned) == ["one", "two"]
    assert canned.paths() == ["/v1/things", "/v1/things?$skipToken=a/b&c"]


def test_keeps_the_parameters_that_a_link_does_not_repeat(canned: Canned) -> None:
    canned.put("/v1/things", {"value": [], "@nextLink": "/v1/things?continuationToken=2"}, {"value": []})
    assert read(canned, **{"$version": "2022-07-01"}) == []
    assert canned.paths()[1] == "/v1/things?$version=2022-07-01&continuationToken=2"


def test_reads_a_bare_list_as_the_only_page(canned: Canned) -> None:
    canned.put("/v1/things", [{"name": "one"}])
    assert read(canned) == ["one"]


@pytest.mark.parametrize("link", ["", None, 7, ["x"]])
def test_ends_where_there_is_no_link(canned: Canned, link: Any) -> None:
    canned.put("/v1/things", {"value": [{"name": "one"}], "nextLink": link})
    assert read(canned) == ["one"]


@pytest.mark.parametrize("shape", ["{other}/v1/things?page=2", "//{host}/v1/things?page=2", "{tls}/v1/things?page=2"])
def test_never_follows_a_link_to_another_host(canned: Canned, stranger: Canned, shape: str) -> None:
    host = stranger.url.partition("//")[2]
    link = shape.format(other=stranger.url, host=host, tls=canned.url.replace("http:", "https:"))
    canned.put("/v1/things", {"value": [{"name": "one"}], "nextLink": link})
    with pytest.raises(DecodeError, match="leads to another host"):
        read(canned)
    assert stranger.asked == []
    assert len(canned.asked) == 1


@pytest.mark.parametrize("link", ["https://[broken/x?page=2", "http://127.0.0.1:99999/v1/things?page=2"])
def test_refuses_a_link_that_is_none(canned: Canned, link: str) -> None:
    canned.put("/v1/things", {"value": [], "nextLink": link})
    with pytest.raises(DecodeError):
        read(canned)


def test_stays_at_its_own_path_wherever_a_link_points(canned: Canned) -> None:
    canned.put("/v1/things", {"value": [], "nextLink": "/v1/secrets?page=2"}, {"value": [{"name": "two"}]})
    assert read(canned) == ["two"]
    assert canned.paths() == ["/v1/things", "/v1/things?page=2"]


def test_goes_in_no_circle(canned: Canned) -> None:
    canned.put("/v1/things", {"value": [], "nextLink": "/v1/things?page=2"})
    canned.put("/v1/things?page=2", {"value": [], "nextLink": "/v1/things?page=3"})
    canned.put("/v1/things?page=3", {"value": [], "nextLink": "/v1/things?page=2"})
    with pytest.raises(DecodeError, match="leads back"):
        read(canned)
    assert len(canned.asked) == 3


def test_ends_an_endless_list(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_PAGES", 3)
    canned.put("/v1/things", *({"value": [{"name": "x"}], "nextLink": f"?page={number}"} for number in range(1, 10)))
    with pytest.raises(DecodeError, match="more than 3 pages"):
        read(canned)
    assert len(canned.asked) == 3


def test_a_page_that_fails_leaves_no_half_list(canned: Canned) -> None:
    canned.put("/v1/things", {"value": [{"name": "one"}], "nextLink": "?page=2"}, Answer(status=500))
    with pytest.raises(UpstreamError):
        read(canned)


def test_a_page_that_is_not_there_ends_the_list(canned: Canned) -> None:
    """It is counted, and the pages before it are kept; a list without its first page is none."""
    bench = Bench(canned, CloudPartnerSource)
    canned.put("/v1/things", {"value": [{"name": "one"}], "nextLink": "?page=2"}, Answer("Not Found", 404))
    with capture_logs() as logs:
        assert listing(bench) == PagedEntries((Thing(name="one"),), is_whole=False)
    assert bench.counted("refresh_failures_total", reason="not_found") == 1
    assert [one["list"] for one in logs] == ["the list of things at /v1/things"]
    with pytest.raises(NotFoundError):
        listing(bench)


def test_what_is_no_object_is_left_out(canned: Canned) -> None:
    bench = Bench(canned, CloudPartnerSource)
    canned.put("/v1/things", {"value": [None, {"name": "one"}], "nextLink": "?page=2"}, {"value": [7]})
    assert listing(bench) == PagedEntries((Thing(name="one"),), is_whole=False)
    assert bench.odd() == {"entry": 2}


@pytest.mark.parametrize(
    "body", [{}, {"nextLink": "?page=2"}, {"value": None}, {"value": {"name": "one"}}, {"value": [1]}, [None]]
)
def test_a_page_without_a_list_is_no_empty_page(canned: Canned, body: Any) -> None:
    canned.put("/v1/things", body)
    with pytest.raises(DecodeError):
        read(canned)


def test_knows_the_port_that_goes_without_saying() -> None:
    assert THINGS._query("https://api.test:443/v1/things?page=2", "https://api.test") == {"page": "2"}
    with pytest.raises(DecodeError):
        THINGS._query("https://api.test:8443/v1/things?page=2", "https://api.test")
