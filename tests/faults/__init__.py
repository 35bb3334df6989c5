"""A simulator that a test can fill and break: offers written by the test, faults, counts of the requests that came."""

from tests.faults.simulator import FaultySimulator, empty

__all__ = ["FaultySimulator", "empty"]
