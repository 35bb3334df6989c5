"""What a publisher costs upstream: calls per hour with and without the economy for offers at rest."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace

import structlog

from exporter.collection.collector import Collector
from exporter.collection.snapshot import Snapshot
from exporter.collection.workers import Workers
from exporter.config.settings import CollectionSettings, PublisherSettings
from exporter.domain.offers import Offer, OfferStatus
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry
from tests.benchmarks.measure import table

OFFERS, PUBLISHING = 200, 5
HOUR = 3600.0
START = 1_800_000_000.0


@dataclass
class CountingSource:
    """Five offers publish, the others have long succeeded; the list tells when each has changed."""

    name: str = "cloud_partner"
    calls: Counter[str] = field(default_factory=Counter)

    def list_offers(self, publisher_id: str, _: Deadline) -> tuple[Offer, ...]:
        """List them all."""
        self.calls["list"] += 1
        return tuple(self._offer(publisher_id, number) for number in range(OFFERS))

    def fetch_offer(self, publisher_id: str, offer_id: str, listed: Offer | None, _: Deadline) -> Offer:
        """Tell the status of one."""
        self.calls["status"] += 1
        assert listed is not None
        return replace(listed, publisher_id=publisher_id, offer_id=offer_id)

    def _offer(self, publisher_id: str, number: int) -> Offer:
        status = OfferStatus.RUNNING if number < PUBLISHING else OfferStatus.SUCCEEDED
        return Offer(publisher_id, f"offer-{number}", status, source=self.name, version=1, changed=START - 1e6)


def calls(terminal_interval: str) -> Counter[str]:
    """Count the calls of the second hour, in which nothing is new any more."""
    now = START
    source, workers = CountingSource(), Workers(8, "fetch")
    collector = Collector(
        publishers=(PublisherSettings(id="contoso"),),
        sources={source.name: source},
        settings=CollectionSettings.model_validate({"terminal_interval": terminal_interval}),
        workers=workers,
        telemetry=Telemetry(),
        publish=lambda _: None,
        clock=lambda: now,
        monotonic=lambda: 0.0,
    )
    snapshot = collector.adopt(Snapshot())
    interval = collector.settings.interval
    for number in range(int(2 * HOUR / interval)):
        if number == HOUR / interval:
            source.calls.clear()
        snapshot = collector.refresh(snapshot)
        now += interval
    workers.close()
    assert all(publisher.up for publisher in snapshot.publishers)
    return source.calls


def upstream_calls() -> str:
    """Calls per hour of a publisher with 200 offers, 5 of them publishing, at the default interval of 5 minutes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    rows = []
    before = calls("0s").total()
    for name, terminal_interval in (("0s (before)", "0s"), ("1h (default)", "1h")):
        counted = calls(terminal_interval)
        total = counted.total()
        rows.append((name, f"{counted['list']}", f"{counted['status']:,}", f"{total:,}", f"{total / before:.2f}"))
    head = ("`collection.terminal_interval`", "lists", "statuses", "calls per hour", "ratio")
    return f"## Upstream calls of {OFFERS} offers, {PUBLISHING} of them publishing\n\n" + table(head, rows)


if __name__ == "__main__":
    print(upstream_calls())
