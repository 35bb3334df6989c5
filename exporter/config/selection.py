"""What of a publisher is collected here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from exporter.config.settings import PublisherSettings
from exporter.config.shards import WHOLE, Shard

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """The offers that the settings name, all if they name none, of these sources, as far as they are this shard's.

    The default is that of records whose selection is not known, and differs from all that settings can say.
    """

    offers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    shard: Shard = WHOLE

    @classmethod
    def of(cls, target: PublisherSettings, shard: Shard) -> Self:
        """What the settings say of a publisher."""
        return cls(target.offers, target.sources, shard)

    def has(self, publisher_id: str, offer_id: str) -> bool:
        """Whether an offer is collected here: it is not left out by the settings, nor another shard's."""
        return (not self.offers or offer_id in self.offers) and self.shard.has(publisher_id, offer_id)

    def named(self, publisher_id: str) -> Iterator[str]:
        """The offers that the settings name and that are this shard's, each once."""
        return (one for one in dict.fromkeys(self.offers) if self.shard.has(publisher_id, one))
