"""The publishing pipelines by kind of offer, and what Microsoft says on the way.

The virtual machine's step ids are those of the reference page "Retrieve offer status"; for the other kinds Microsoft
publishes names and times but no ids, so they share the ids where the step is the same and follow their pattern where not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CERTIFICATION", "DAY", "HOUR", "KINDS", "SIGNOFF", "Kind", "Note", "Phase", "Stage", "notes_of"]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
CERTIFICATION, SIGNOFF = "displaycertify", "publisher-signoff"


class Phase(StrEnum):
    """What a step works towards: the preview, the publisher's consent, or the live offer."""

    PREVIEW = "preview"
    SIGNOFF = "signoff"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a pipeline; `duration` in simulated seconds, `estimate` the friendly text or empty where there is none."""

    step_id: str
    name: str
    duration: float
    estimate: str = ""
    phase: Phase = Phase.PREVIEW
    busy: str = "inProgress"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of offer and what the three APIs call it."""

    offer_type_id: str
    resource_type: str
    product_type: str
    stages: tuple[Stage, ...]


_PREREQUISITES = Stage("displaydummycertify", "Validate Pre-Requisites", 12 * MINUTE, "< 15 min")
_PACKAGE = Stage("displaypackage", "Packaging and Lead Generation Registration", 40 * MINUTE, "< 1 hour")
_SIGNOFF = Stage(SIGNOFF, "Publisher signoff", 12 * HOUR, "", Phase.SIGNOFF, "waitingForPublisherReview")
_PACKAGE_AGAIN = Stage("displaypackage-live", "Packaging for Go Live", 50 * MINUTE, "< 1 hour", Phase.LIVE)


def _certification(duration: float, estimate: str) -> Stage:
    return Stage(CERTIFICATION, "Certification", duration, estimate)


def _live(duration: float, estimate: str) -> Stage:
    return Stage("live", "Live", duration, estimate, Phase.LIVE)


_VM = (
    _PREREQUISITES,
    _certification(2 * DAY, "~2-3 days"),
    Stage("displayprovision", "Provisioning", 16 * HOUR, "< 1 day"),
    _PACKAGE,
    _SIGNOFF,
    _live(2 * DAY, "~2-5 days"),
)
_CONTAINER = (
    _PREREQUISITES,
    _certification(2.5 * DAY, "< 1 week"),
    _PACKAGE,
    _SIGNOFF,
    _PACKAGE_AGAIN,
    _live(2 * DAY, "~4 days"),
)
_SAAS = (_certification(3 * DAY, "~2 weeks"), _PACKAGE, _SIGNOFF, _PACKAGE_AGAIN, _live(1.5 * DAY, "~4 days"))
_APPLICATION = (
    _PREREQUISITES,
    Stage("displayrevenue", "Validate Influenced Revenue Settings", 10 * MINUTE, "< 15 min"),
    Stage("displaytestdrive", "Test Drive Validation", 100 * MINUTE, "< 2 hours"),
    _certification(20 * HOUR, "< 1 day"),
    _PACKAGE,
    _SIGNOFF,
    Stage("displayreview", "Microsoft Review", 2.5 * DAY, "~7-14 days", Phase.LIVE, "waitingForApproval"),
    _live(18 * HOUR, "< 1 day"),
)
_SERVICE = (_PREREQUISITES, _certification(3 * DAY, "< 5 day"), _SIGNOFF, _live(1 * DAY, "~2-5 days"))

KINDS: dict[str, Kind] = {
    "vm": Kind("microsoft-azure-virtualmachines", "AzureThirdPartyVirtualMachine", "azureVirtualMachine", _VM),
    "corevm": Kind("microsoft-azure-corevm", "AzureThirdPartyVirtualMachine", "coreVirtualMachine", _VM),
    "container": Kind("microsoft-azure-container", "AzureContainer", "azureContainer", _CONTAINER),
    "saas": Kind("microsoft-azure-saas", "SoftwareAsAService", "softwareAsAService", _SAAS),
    "application": Kind("microsoft-azure-applications", "AzureApplication", "azureApplication", _APPLICATION),
    "consulting": Kind("microsoft-azure-consultingservices", "AzureConsultingService", "consultingService", _SERVICE),
}
"""Kind by its short name. The application's pipeline has eight steps, the longest."""


@dataclass(frozen=True, slots=True)
class Note:
    """One message of a step or an offer: HTML; `at` is a real instant in Unix seconds."""

    level: str
    html: str
    at: float


_TEXTS = {
    "inProgress": ("information", "<p>{name} has <b>started</b>.</p>"),
    "waitingForApproval": ("information", "<p>{name}: a reviewer at Microsoft has to approve.</p>"),
    "waitingForPublisherReview": (
        "information",
        '<p>The preview is ready. Check it, then press "Go live": <a href="https://example.com/preview">preview</a></p>',
    ),
    "complete": ("information", "<p>{name} is complete.</p>"),
    "rejected": (
        "error",
        "<div><b>{name} failed.</b><ul><li>Policy 100.1: the text does not match the offer &amp; its plans.</li></ul></div>",
    ),
    "blocked": ("warning", "<p>{name} is blocked: the image cannot be read with the given address.</p>"),
    "canceled": ("information", "<p>{name} was canceled by the publisher.</p>"),
    "failed": ("error", "<p>Publishing {name} failed. Correct the offer and submit it again.</p>"),
}


def notes_of(status: str, name: str, at: float) -> tuple[Note, ...]:
    """The messages that come when a step or offer called `name` changes to a status."""
    if status not in _TEXTS:
        return ()
    level, text = _TEXTS[status]
    return (Note(level, text.format(name=name), at),)
