"""What a publisher costs upstream: calls per hour with and without the economy for offers at rest."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field

import structlog

from exporter.collection.fetch import Fetch
from exporter.collection.refresh import Refresh
from exporter.collection.snapshot import PublisherRecord
from exporter.collection.workers import Workers
from exporter.config.selection import Selection
from exporter.config.settings import PublisherSettings
from exporter.config.shards import WHOLE
from exporter.domain.offers import Offer, OfferStatus
from exporter.sources.base import Answer, OfferList, OfferQuery, Source
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry
from tests.benchmarks.measure import table

OFFERS, PUBLISHING = 200, 5
HOUR, INTERVAL = 3600.0, 300.0
START = 1_800_000_000.0


@dataclass
class CountingSource(Source):
    """Five offers publish, the others have long succeeded; the list tells when each has changed."""

    calls: Counter[str] = field(default_factory=Counter)
    name = "cloud_partner"
    is_account = False

    def list_offers(self, publisher_id: str, deadline: Deadline) -> OfferList:
        """List them all."""
        deadline.check()
        self.calls["list"] += 1
        return OfferList(tuple(self._offer(publisher_id, number) for number in range(OFFERS)))

    def fetch_offer(self, query: OfferQuery, deadline: Deadline) -> Answer:
        """Tell the status of one."""
        deadline.check()
        self.calls["status"] += 1
        assert query.listed is not None
        return Answer(query.listed)

    def _offer(self, publisher_id: str, number: int) -> Offer:
        status = OfferStatus.RUNNING if number < PUBLISHING else OfferStatus.SUCCEEDED
        return Offer(publisher_id, f"offer-{number}", status, source=self.name, version=1, changed=START - 1e6)


def calls(terminal_interval: float) -> Counter[str]:
    """Count the calls of the second hour, in which nothing is new any more."""
    now = START
    source, workers = CountingSource(), Workers(8, "fetch")
    fetch = Fetch(Telemetry(), lambda: now, stale_after=HOUR, terminal_interval=terminal_interval)
    target = PublisherSettings(id="contoso")
    record = PublisherRecord(target.id, INTERVAL, selection=Selection.of(target, WHOLE))
    for number in range(int(2 * HOUR / INTERVAL)):
        if number == HOUR / INTERVAL:
            source.calls.clear()
        deadline = Deadline(HOUR, lambda: 0.0)
        by_name = {source.name: source}, {source.name: workers}
        record = Refresh(target, record, *by_name, fetch, deadline).run()
        now += INTERVAL
    workers.close()
    assert record.failure is None
    return source.calls


def upstream_calls() -> str:
    """Calls per hour of a publisher with 200 offers, 5 of them publishing, at the default interval of 5 minutes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    rows = []
    before = calls(0).total()
    for name, terminal_interval in (("0s (before)", 0), ("1h (default)", HOUR)):
        counted = calls(terminal_interval)
        total = counted.total()
        rows.append((name, f"{counted['list']}", f"{counted['status']:,}", f"{total:,}", f"{total / before:.2f}"))
    head = ("`collection.terminal_interval`", "lists", "statuses", "calls per hour", "ratio")
    return f"## Upstream calls of {OFFERS} offers, {PUBLISHING} of them publishing\n\n" + table(head, rows)


if __name__ == "__main__":
    print(upstream_calls())
