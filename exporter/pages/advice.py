"""One sentence on what comes next for an offer."""

from __future__ import annotations

from exporter.domain.offers import OfferStatus, Party, StepStatus
from exporter.pages.view import OfferView

__all__ = ["advice"]

_AT_REST = {
    OfferStatus.SUCCEEDED: "Published. Nobody has to act until the next submission.",
    OfferStatus.CANCELED: "The submission was canceled. Submit the offer again to go on.",
    OfferStatus.NEVER_PUBLISHED: "The offer has never been submitted.",
    OfferStatus.NOT_STARTED: "Publishing has not been started.",
}


def advice(view: OfferView) -> str:
    """Say who should do what; empty if there is no data, or no source tells enough."""
    if view.status is None:
        return ""
    if view.waiting_on is Party.NOBODY:
        return _AT_REST[view.status]
    return _publisher(view) if view.waiting_on is Party.PUBLISHER else _microsoft(view)


def _publisher(view: OfferView) -> str:
    if view.awaits_signoff:
        return "The preview is ready: the publisher has to check it and sign off with \u201cGo live\u201d."
    offer_or_step = (view.offer, *(one.step for one in view.steps))
    where = "the messages" if any(one is not None and one.messages for one in offer_or_step) else "Partner Center"
    steps = {one.step.status for one in view.steps}
    if StepStatus.BLOCKED in steps and view.status is not OfferStatus.FAILED:
        return f"A step is blocked: look in {where} for what the publisher has to settle."
    if StepStatus.WAITING_FOR_PUBLISHER_REVIEW in steps and not view.went_wrong:
        return "A step waits for the publisher's review."
    return f"Look in {where} for what the publisher has to correct; then submit the offer again."


def _microsoft(view: OfferView) -> str:
    if view.is_puzzling:
        return "The API tells a state that this exporter does not know. Look in Partner Center for what has to happen."
    if view.over:
        return "Microsoft is at work and over its own estimate. If this goes on, the publisher may ask its support."
    return "Microsoft is at work. The publisher has nothing to do."
