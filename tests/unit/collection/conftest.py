from __future__ import annotations

from tests.unit.collection.world import world

__all__ = ["world"]
