"""Addresses in Partner Center, where publishers act."""

from __future__ import annotations

import re

__all__ = ["PARTNER_CENTER", "overview_of"]

PARTNER_CENTER = "https://partner.microsoft.com/dashboard/marketplace-offers/overview"
_OFFER = "https://partner.microsoft.com/dashboard/commercial-marketplace/offers/{}/overview"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def overview_of(product_id: str) -> str:
    """The overview page of a product, or that of all offers for an id that is no GUID.

    The address is the one that Microsoft's documentation of solution identifiers (Dynamics 365, "ISV Studio") and its
    az-partner-center-cli use.
    """
    return _OFFER.format(product_id) if _GUID.fullmatch(product_id) else PARTNER_CENTER
