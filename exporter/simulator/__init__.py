"""A stand-in for Microsoft's publishing APIs over real HTTP: for `--demo`, for trials, for tests and benchmarks.

It is the other side of the wire. It shares no code with the rest of the exporter, so that a misreading of the API there
is not repeated here: it has its own vocabulary, spelled as Microsoft spells it.
"""

from exporter.simulator.demo import demo
from exporter.simulator.scenario import DEMO_SPEED, Scenario, scale
from exporter.simulator.server import Listening, serve_in_thread
from exporter.simulator.simulator import Simulator

__all__ = ["DEMO_SPEED", "Listening", "Scenario", "Simulator", "demo", "scale", "serve_in_thread"]
