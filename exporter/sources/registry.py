"""All sources, in the order of preference. A new one is a module in this folder and a line here."""

from __future__ import annotations

from exporter.sources.base import Source
from exporter.sources.cloud_partner import CloudPartnerSource
from exporter.sources.partner_center import PartnerCenterSource
from exporter.sources.product_ingestion import ProductIngestionSource

__all__ = ["SOURCES"]

SOURCES: tuple[type[Source], ...] = (
    CloudPartnerSource,
    PartnerCenterSource,
    ProductIngestionSource,
)
