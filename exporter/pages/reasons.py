"""Why something could not be fetched, explained for people: each reason with its meaning and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from exporter.domain.errors import REASONS, SourceError

__all__ = ["REMEDIES", "Reason", "reasons"]

REMEDIES = MappingProxyType(
    {
        "credential": "Replace the secret or token if it expired, and check tenant, client and authority of the settings.",
        "deadline": "Raise collection.timeout together with collection.interval, or share the offers among several exporters.",
        "decode": "See whether a proxy or portal answers instead of the API; else look for a newer version, or report it.",
        "forbidden": "Give the app registration its role for this publisher in Partner Center, and check the publisher's id.",
        "not_found": "Correct the ids in the settings, or find out who deleted the offer.",
        "refused": "Check api.base_url, and whether a proxy or portal stands in between.",
        "throttled": "Raise collection.interval or lower api.requests_per_second; see who else uses the credential.",
        "timeout": "Raise api.timeout if it is always the same offer; else check the network.",
        "transport": "Check DNS, proxy, firewall and api.ca_file between the exporter and the API.",
        "upstream": "Wait: this is Microsoft's to mend. The Azure status page may know more.",
        "internal": "Report it with the traceback in the log.",
    }
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, as in the metrics."""

    name: str
    meaning: str
    remedy: str


def reasons() -> tuple[Reason, ...]:
    """List all reasons in the order of the metrics; what each means is what its exception says of itself."""
    meanings = {kind.reason: (kind.__doc__ or "").strip() for kind in SourceError.__subclasses__()}
    meanings[SourceError.reason] = "A fault of the exporter itself."
    return tuple(Reason(name, meanings[name], REMEDIES[name]) for name in REASONS)
