"""The property that all else serves: what is shown is the last thing truly told, or the offer says that it was not read.

Random histories of offers in all three APIs, with random bad answers; the oracle is the history itself. Set HISTORIES_SEED
to try another one.
"""

from __future__ import annotations

import logging
import os
import random

import pytest
import structlog

from exporter.collection.snapshot import OfferRecord
from exporter.config.settings import ApiSettings
from exporter.domain.offers import OfferStatus
from tests.unit.collection.histories import CENTER, CLOUD, INGESTION, Truth, Upstream
from tests.unit.collection.world import World

SEED = int(os.environ.get("HISTORIES_SEED", "20261127"))
HISTORIES, REFRESHES = 20, 500

TRUTHS = (
    ({CLOUD}, {CLOUD}),
    ({CLOUD, CENTER}, {CLOUD}),
    ({CLOUD, INGESTION}, {CLOUD, INGESTION}),
    ({CENTER, INGESTION}, {CENTER}),
    ({CENTER, INGESTION}, {INGESTION}),
    ({CLOUD, CENTER, INGESTION}, {CLOUD, CENTER, INGESTION}),
)


class Oracle:
    """What may be shown of each offer, from what was truly told of it."""

    def __init__(self) -> None:
        self.told: dict[str, OfferStatus] = {}
        self.since: dict[str, float] = {}

    def learn(self, upstream: Upstream, now: float) -> None:
        for offer_id, status in upstream.told.items():
            if self.told.get(offer_id) is not status:
                self.since[offer_id] = now
            self.told[offer_id] = status

    def check(self, record: OfferRecord, truth: Truth) -> str:
        """Name what is wrong, nothing if all is right."""
        told = self.told.get(record.offer_id)
        shown = None if record.offer is None or record.offer.is_listed_only else record.offer.status
        if shown is None:
            return f"hides {told}, which was told" if told is not None else ""
        if shown is not told:
            return f"shows {shown}, told was {told}"
        if record.failure is None and shown is not truth.status:
            return f"shows {shown} as news, true is {truth.status}"
        if record.since is None or record.since.status != self.since[record.offer_id]:
            return f"says since {record.since}, it is since {self.since[record.offer_id]}"
        return ""


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("number", range(HISTORIES))
def test_what_is_shown_is_the_last_thing_truly_told(number: int, world: World) -> None:
    seed = SEED + number
    print(f"HISTORIES_SEED={seed}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    truths = [
        Truth(f"o{position}", frozenset(listed), frozenset(served))
        for position, (listed, served) in enumerate(TRUTHS, start=1)
    ]
    upstream = Upstream(random.Random(seed), truths)
    world.real_sources(upstream.client)
    world.all_sources(api=ApiSettings(max_concurrency=1))
    oracle, by_id = Oracle(), {one.offer_id: one for one in truths}
    for refresh in range(REFRESHES):
        upstream.step()
        upstream.told.clear()
        record = world.refresh(60)
        oracle.learn(upstream, world.clock.now)
        wrong = {one.offer_id: oracle.check(one, by_id[one.offer_id]) for one in record.offers}
        assert {key: value for key, value in wrong.items() if value} == {}, f"seed {seed}, refresh {refresh}"
    structlog.reset_defaults()
