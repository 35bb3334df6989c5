from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Snapshot
from exporter.domain.offers import Level, OfferStatus
from exporter.exposition import encoder, own
from exporter.exposition import publication as module
from exporter.exposition.publication import Publication
from tests.unit.make import NOW, Clock, failure, message, offer, record, snapshot

STATUS = 'azure_marketplace_offer_status{offer_id="vm",publisher_id="contoso",status="running"} 1.0'
UP = 'azure_marketplace_offer_up{offer_id="vm",publisher_id="contoso"}'


class Shown:
    """A publication with a clock and a count of renderings."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.renderings = 0
        self.while_rendering: Callable[[], None] = lambda: None
        encode = encoder.encode

        def counting(*arguments: Any, **options: Any) -> object:
            self.renderings += 1
            self.while_rendering()
            return encode(*arguments, **options)

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


def test_a_stale_offer_is_withdrawn_when_it_is_published_again(shown: Shown) -> None:
    """A scrape renders nothing, however late it comes; its health series stay."""
    known = snapshot(record(failure=failure()))
    shown.publication.publish(known)
    before = shown.renderings
    shown.clock.now = NOW + 3600
    assert STATUS in shown.text()
    assert shown.renderings == before
    shown.publication.publish(known)
    assert STATUS not in shown.text()
    assert f"{UP} 0.0\n" in shown.text()


def test_ready_with_the_first_whole_refresh_and_for_good(shown: Shown) -> None:
    ready = [shown.publication.is_ready]
    for one in (Snapshot((PublisherRecord("new", None),)), snapshot(), Snapshot((PublisherRecord("new", None),))):
        shown.publication.publish(one)
        ready.append(shown.publication.is_ready)
    assert ready == [False, False, True, True]


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


def test_the_text_of_messages_can_be_left_out(shown: Shown) -> None:
    """By a reload too: what is published after that is without it, and so is a probe."""
    name = "azure_marketplace_offer_message_info"
    failed = record(offer(status=OfferStatus.FAILED, messages=(message(Level.ERROR, html="<p>No logo</p>"),)))
    line = f'{name}{{level="error",offer_id="vm",publisher_id="contoso",step_id="",text="No logo"}} 1.0\n'
    shown.publication.publish(snapshot(failed))
    assert line in shown.text()
    assert line.encode() in shown.publication.probe(failed, 1.0, openmetrics=False)
    shown.publication.message_text = False
    shown.publication.publish(snapshot(failed))
    assert name not in shown.text()
    assert name.encode() not in shown.publication.probe(failed, 1.0, openmetrics=False)
