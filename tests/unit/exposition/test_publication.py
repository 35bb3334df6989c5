from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Snapshot
from exporter.domain.offers import Level, OfferStatus
from exporter.exposition import encoder
from exporter.exposition import publication as module
from exporter.exposition.publication import Publication
from tests.unit.make import NOW, Clock, failure, message, offer, record, snapshot, step

STATUS = 'azure_marketplace_offer_status{offer_id="vm",publisher_id="contoso",status="running"} 1.0'


class Shown:
    """A publication with two clocks and a count of renderings."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.renderings = 0
        encode: Callable[..., object] = encoder.encode

        def counting(*arguments: Any, **options: Any) -> object:
            self.renderings += 1
            return encode(*arguments, **options)

        patch.setattr(module, "encode", counting)
        self.registry, self.clock, self.monotonic = CollectorRegistry(), Clock(), Clock(0)
        self.publication = Publication(
            Snapshot(), registry=self.registry, stale_after=3600.0, clock=self.clock, monotonic=self.monotonic
        )

    def text(self, *, openmetrics: bool = False) -> str:
        return b"".join(self.publication.metrics(openmetrics=openmetrics, gzip=False)).decode()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    return Shown(monkeypatch)


def test_a_snapshot_is_rendered_when_it_is_published_and_by_no_scrape(shown: Shown) -> None:
    """However late they come: what has become stale is withdrawn when it is published again."""
    known = snapshot(record(failure=failure()))
    shown.publication.publish(known)
    assert shown.publication.snapshot is known
    shown.clock.now = NOW + 3600
    for openmetrics in (False, True):
        for gzip in (False, True):
            shown.publication.metrics(openmetrics=openmetrics, gzip=gzip)
    assert STATUS in shown.text()
    assert shown.renderings == 2
    shown.publication.publish(known)
    assert STATUS not in shown.text()
    assert 'azure_marketplace_offer_up{offer_id="vm",publisher_id="contoso"} 0.0\n' in shown.text()


def test_own_metrics_are_those_of_the_scrape(shown: Shown) -> None:
    """Or of another one a moment before: who comes at once shares one rendering, in each format."""
    counter = Counter("own", "Own.", registry=shown.registry)
    assert "own_total 0.0\n" in shown.text()
    counter.inc()
    shown.monotonic.now = module.HOLD / 2
    assert "own_total 0.0\n" in shown.text()
    assert "own_total 1.0\n" in shown.text(openmetrics=True)
    shown.monotonic.now = module.HOLD
    assert "own_total 1.0\n" in shown.text()


def test_ready_with_the_first_whole_refresh_and_for_good(shown: Shown) -> None:
    ready = [shown.publication.is_ready]
    for one in (Snapshot((PublisherRecord("new", None),)), snapshot(), Snapshot((PublisherRecord("new", None),))):
        shown.publication.publish(one)
        ready.append(shown.publication.is_ready)
    assert ready == [False, False, True, True]


def test_a_shorter_stale_after_holds_from_the_next_snapshot(shown: Shown) -> None:
    shown.publication.publish(snapshot(record()))
    shown.publication.stale_after = 10.0
    shown.clock.now = NOW + 11
    shown.publication.publish(snapshot(record()))
    assert STATUS not in shown.text()


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_probe_shows_one_offer_however_old_and_no_health(shown: Shown, *, openmetrics: bool) -> None:
    """Nor families without a sample; where it failed, that alone."""
    probed = record(offer(steps=(step(),)), success=0.0)
    text = shown.publication.probe(probed, 1.5, openmetrics=openmetrics).decode()
    end = "# EOF\n" if openmetrics else ""
    assert [line.split()[2].removeprefix("azure_marketplace_") for line in text.splitlines() if "# TYPE" in line] == [
        "offer_info",
        "offer_status",
        "offer_status_since_timestamp_seconds",
        "offer_waiting_on",
        "offer_waiting_on_since_timestamp_seconds",
        "offer_messages",
        "offer_step_info",
        "offer_step_status",
        "offer_step_status_since_timestamp_seconds",
        "offer_step_messages",
        "offer_publications" if openmetrics else "offer_publications_total",
        "probe_success",
        "probe_duration_seconds",
    ]
    assert STATUS in text
    assert {line[: line.index("_")] for line in text.splitlines() if line[0] != "#"} == {"azure", "probe"}
    assert "\nprobe_success 1.0\n" in text
    failed = OfferRecord("contoso", "vm", failure=failure())
    assert shown.publication.probe(failed, 1.5, openmetrics=openmetrics).decode() == (
        "# HELP probe_success 1 if the offer was fetched.\n# TYPE probe_success gauge\nprobe_success 0.0\n"
        "# HELP probe_duration_seconds How long the probe took.\n# TYPE probe_duration_seconds gauge\n"
        f"probe_duration_seconds 1.5\n{end}"
    )


def test_the_text_of_messages_can_be_left_out(shown: Shown) -> None:
    """By a reload too: what is published after that is without it, and so is a probe."""
    name = "azure_marketplace_offer_message_info"
    failed = record(offer(status=OfferStatus.FAILED, messages=(message(Level.ERROR, html="<p>No logo</p>"),)))
    line = f'{name}{{level="error",offer_id="vm",publisher_id="contoso",step_id="",text="No logo"}} 1.0\n'
    for has_text in (True, False):
        shown.publication.message_text = has_text
        shown.publication.publish(snapshot(failed))
        for text in (shown.text(), shown.publication.probe(failed, 1.0, openmetrics=False).decode()):
            assert (line in text) is (name in text) is has_text
