from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, Counter

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.exposition import encoder, own
from exporter.exposition import publication as module
from exporter.exposition.publication import HOLD, Publication
from tests.unit.make import NOW, Clock, failure, offer, record, snapshot

STATUS = 'azure_marketplace_offer_status{offer_id="vm",publisher_id="contoso",status="running"} 1.0'
UP = 'azure_marketplace_offer_up{offer_id="vm",publisher_id="contoso"}'


class Shown:
    """A publication with a clock and a count of renderings."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.renderings = 0
        self.while_rendering: Callable[[], None] = lambda: None
        encode = encoder.encode

        def counting(*arguments: object) -> object:
            self.renderings += 1
            self.while_rendering()
            return encode(*arguments)  # type: ignore[arg-type]

        patch.setattr(module, "encode", counting)
        self.registry = CollectorRegistry()
        self.moment = 0.0
        self.publication = Publication(
            Snapshot(),
            registry=self.registry,
            stale_after=3600.0,
            clock=self.clock,
            monotonic=lambda: self.moment,
        )

    def text(self) -> str:
        return b"".join(self.publication.metrics(openmetrics=False, gzip=False)).decode()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    return Shown(monkeypatch)


def test_each_snapshot_is_rendered_once(shown: Shown) -> None:
    shown.publication.publish(snapshot(record()))
    before = shown.renderings
    assert STATUS in shown.text()
    for openmetrics in (False, True):
        for gzip in (False, True):
            shown.publication.metrics(openmetrics=openmetrics, gzip=gzip)
    assert shown.renderings == before


def test_own_metrics_are_those_of_the_scrape(shown: Shown) -> None:
    """Or of another one a moment before: who comes at once shares one rendering, in each format."""
    counter = Counter("own", "Own.", registry=shown.registry)
    assert "own_total 0.0\n" in shown.text()
    counter.inc()
    shown.moment = own.HOLD / 2
    assert "own_total 0.0\n" in shown.text()
    assert b"own_total 1.0\n" in b"".join(shown.publication.metrics(openmetrics=True, gzip=False))
    shown.moment = own.HOLD
    assert "own_total 1.0\n" in shown.text()
    assert shown.text().startswith("# HELP azure_marketplace_publisher_up")


def test_openmetrics_ends_as_it_must(shown: Shown) -> None:
    whole = b"".join(shown.publication.metrics(openmetrics=True, gzip=False))
    assert whole.endswith(b"# EOF\n")
    assert whole.count(b"# EOF") == 1


def test_the_newest_snapshot_is_shown(shown: Shown) -> None:
    first, second = snapshot(record()), snapshot()
    shown.publication.publish(first)
    assert shown.publication.snapshot is first
    shown.publication.publish(second)
    assert shown.publication.snapshot is second
    assert STATUS not in shown.text()


def test_an_offer_is_withdrawn_when_it_becomes_stale(shown: Shown) -> None:
    """Without a new snapshot, at the very second, and with one rendering for all scrapes after it."""
    shown.publication.publish(snapshot(record(failure=failure())))
    shown.clock.now = NOW + 3599
    assert STATUS in shown.text()
    before = shown.renderings
    shown.clock.now = NOW + 3600
    for _ in range(3):
        assert STATUS not in shown.text()
        assert f"{UP} 0.0\n" in shown.text()
    assert shown.renderings == before + 1
    assert shown.publication.snapshot.offer("contoso", "vm") is not None


def test_offers_are_withdrawn_one_after_the_other(shown: Shown) -> None:
    old, new = record(offer("old"), success=NOW - 60), record(offer("new"))
    shown.publication.publish(snapshot(old, new))
    seen = []
    for later in (3530, 3545, 3590, 3605):
        shown.clock.now = NOW + later
        text = shown.text()
        seen.append(tuple(name for name in ("old", "new") if f'offer_info{{display_name="",offer_id="{name}"' in text))
    assert seen == [("old", "new"), ("new",), ("new",), ()]
    assert shown.renderings == 4


def test_a_late_rendering_holds_for_a_while(shown: Shown) -> None:
    """In an outage offers become stale one by one; rendering all anew for each would keep every scrape waiting."""
    records = [record(offer(f"offer-{number}"), success=NOW + number) for number in range(30)]
    shown.publication.publish(snapshot(*records))
    before = shown.renderings
    for later in range(30):
        shown.clock.now = NOW + 3600 + later
        shown.text()
    assert shown.renderings == before + 3
    shown.clock.now = NOW + 3600 + 29 + HOLD
    assert "offer_info{" not in shown.text()


def test_what_is_due_is_renewed_once(shown: Shown) -> None:
    """So that the event loop need not do it."""
    due = [shown.publication.is_due]
    shown.publication.publish(snapshot(record()))
    due.append(shown.publication.is_due)
    shown.clock.now = NOW + 3600
    due.append(shown.publication.is_due)
    shown.publication.renew()
    due.append(shown.publication.is_due)
    assert due == [False, False, True, False]
    before = shown.renderings
    assert STATUS not in shown.text()
    assert shown.renderings == before


def test_a_snapshot_published_while_an_old_one_is_rendered_again_wins(shown: Shown) -> None:
    """The scrape that found the old one stale must not put it back."""
    shown.publication.publish(snapshot(record()))
    shown.clock.now = NOW + 4000
    fresh = snapshot(record(offer("fresh"), success=NOW + 4000))

    def publish() -> None:
        shown.while_rendering = lambda: None
        shown.publication.publish(fresh)

    shown.while_rendering = publish
    shown.text()
    assert shown.publication.snapshot is fresh
    assert 'offer_id="fresh"' in shown.text()


def test_a_clock_that_is_set_back_shows_no_more_and_breaks_nothing(shown: Shown) -> None:
    shown.publication.publish(snapshot(record()))
    shown.clock.now = NOW - 1e6
    assert STATUS in shown.text()


def test_a_shorter_stale_after_holds_from_the_next_snapshot(shown: Shown) -> None:
    shown.publication.publish(snapshot(record()))
    shown.publication.stale_after = 10.0
    shown.clock.now = NOW + 11
    shown.publication.publish(snapshot(record()))
    assert STATUS not in shown.text()


@pytest.mark.parametrize(("outcome", "success"), [(None, "1.0"), (failure(), "0.0")])
@pytest.mark.parametrize("openmetrics", [False, True])
def test_probe(shown: Shown, outcome: object, success: str, *, openmetrics: bool) -> None:
    probed = OfferRecord("contoso", "vm", failure=failure()) if outcome else record(success=0.0)
    text = shown.publication.probe(probed, 1.5, openmetrics=openmetrics).decode()
    assert (STATUS in text) is (outcome is None)
    assert f"\nprobe_success {success}\n" in "\n" + text
    assert "\nprobe_duration_seconds 1.5\n" in text
    assert text.endswith("# EOF\n") is openmetrics
