"""A plan of equal steps, so that a test can tell at which it stands."""

from __future__ import annotations

from exporter.simulator.pipeline import KINDS
from exporter.simulator.walk import OfferPlan

from .conftest import EPOCH

SPEED = 100.0


def plan(kind: str) -> OfferPlan:
    """Each step takes ten real seconds.

    Of an application's eight, certification is the fourth, sign-off the sixth and live the eighth; of a virtual machine's
    six they are the second, the fifth and the sixth.
    """
    return OfferPlan(
        publisher="acme",
        offer="app",
        title="App",
        kind=KINDS[kind],
        durations=(1000.0,) * len(KINDS[kind].stages),
        submitted=EPOCH,
        version=5,
        in_partner_center=True,
    )
