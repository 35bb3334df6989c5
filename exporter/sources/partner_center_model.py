"""What the Partner Center submission API sends, and what it means.

Shapes are those of Microsoft's OpenAPI document "Partner Ingestion", version 1.0, and of what public clients show; see
docs/sources.md. States of workflows and of their steps are free strings there. What is in no table here is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from exporter.domain.offers import Level, Message, OfferStatus, Step, StepStatus, fold, slug
from exporter.domain.texts import identifier, text
from exporter.sources.products import Product
from exporter.sources.wire import (
    MAX_HTML,
    MAX_MESSAGES,
    MAX_STEPS,
    Entries,
    Inner,
    UnknownValues,
    WireModel,
    free_id,
)

__all__ = [
    "WireFinding",
    "WireProduct",
    "WireReport",
    "WireSubmission",
    "WireWorkflow",
    "deciding",
    "findings_of",
    "is_finding",
    "is_report",
    "live_of",
    "reasons_of",
    "reports_of",
    "status_of",
    "steps_of",
]

REPORT = "Certification report: "
REASON = "Submission failed: "


class WirePair(WireModel):
    """A value with its type."""

    type: Any = None
    value: Any = None


class WireProduct(WireModel):
    """An entry of the list of products; without `AzureOfferId` among its ids it belongs to another store."""

    id: Any = None
    name: Any = None
    resource_type: Any = None
    external_ids: Entries[WirePair] = ()

    def product(self) -> Product | None:
        """What it is in the words of both APIs; None if it is no offer of the marketplace."""
        found = next((one.value for one in self.external_ids if fold(one.type) == "azureofferid"), None)
        if found is None and self.external_ids:
            return None
        return Product(found, identifier(self.id), self.name, self.resource_type)


class WireUpdate(WireModel):
    """What is under way with a submission."""

    status: Any = None
    failure_reason: Any = None


class WireSubmission(WireModel):
    """A submission. Its target scope says nothing: clients print `Preview` for what is live."""

    id: Any = None
    state: Any = None
    substate: Any = None
    published_time_in_utc: Any = None
    pending_update_info: Inner[WireUpdate] = WireUpdate()
    release_number: Any = None

    @property
    def number(self) -> str:
        """The id, of 19 digits."""
        return identifier(self.id)

    @property
    def stage(self) -> str:
        """The substate, which says more than the state; folded, empty if there is neither."""
        return fold(self.substate) or fold(self.state)

    @property
    def has_status(self) -> bool:
        """True if it says how it goes."""
        return bool(self.stage)

    @property
    def update(self) -> str:
        """How the pending update goes, folded."""
        return fold(self.pending_update_info.status)

    @property
    def identity(self) -> str:
        """What changes with everything that is told about it."""
        return f"{self.number}/{fold(self.state)}/{self.stage}/{self.update}"

    @property
    def is_draft(self) -> bool:
        """True until it is submitted, which begins with a pending update."""
        return self.stage == "indraft" and self.update not in _UPDATES

    @property
    def is_live(self) -> bool:
        """True if it is what customers can buy."""
        return self.stage in _PUBLISHED and fold(self.state) != "inprogress"

    def rank(self) -> tuple[int, int]:
        """Orders submissions by age: by the release number, then by the id."""
        return _number(self.release_number), _number(self.id)


class WireWorkflowStep(WireModel):
    """A step of a workflow."""

    name: Any = None
    state: Any = None
    start_date_time_in_utc: Any = None
    complete_date_time_in_utc: Any = None


class WireWorkflow(WireModel):
    """A workflow of a submission: its way to the preview, or to the live offer."""

    type: Any = None
    target_environment: Any = None
    start_date_time_in_utc: Any = None
    workflow_steps: Entries[WireWorkflowStep] = ()


class WireReport(WireModel):
    """A certification report; its link is signed and therefore not read."""

    report_time_in_utc: Any = None
    status: Any = None


class WireFinding(WireModel):
    """A finding of the validation."""

    error_code: Any = None
    severity: Any = None
    message: Any = None


def _number(value: Any) -> int:
    known = identifier(value)
    return int(known) if known.isdecimal() else -1


_PUBLISHED = frozenset({"published", "instore"})
_STAGES = {
    "indraft": OfferStatus.NOT_STARTED,
    "submitted": OfferStatus.RUNNING,
    "publishing": OfferStatus.RUNNING,
    "readytopublish": OfferStatus.WAITING_FOR_PUBLISHER_REVIEW,
    "published": OfferStatus.SUCCEEDED,
    "instore": OfferStatus.SUCCEEDED,
    "failed": OfferStatus.FAILED,
    "failedincertification": OfferStatus.FAILED,
    "canceled": OfferStatus.CANCELED,
}
_UPDATES = {"running": OfferStatus.RUNNING, "failed": OfferStatus.FAILED}
_SILENT_UPDATES = frozenset({"", "completed", "pendingconfirmation", "canceled"})
_STEP_STATES = {
    "running": StepStatus.IN_PROGRESS,
    "completed": StepStatus.COMPLETE,
    "succeeded": StepStatus.COMPLETE,
    "success": StepStatus.COMPLETE,
    "failed": StepStatus.REJECTED,
    "failure": StepStatus.REJECTED,
}
_REPORT_LEVELS = {
    "pending": Level.INFORMATION,
    "passed": Level.INFORMATION,
    "passedwithnotes": Level.WARNING,
    "failed": Level.ERROR,
    "unknown": Level.UNKNOWN,
}
_SEVERITIES = {"informational": Level.INFORMATION, "unknown": Level.UNKNOWN}
_TARGETS = ("preview", "", "live")
"""The order in which workflows follow each other, others in the middle; the one to live may be there before it began."""


def deciding(submissions: Iterable[WireSubmission]) -> WireSubmission | None:
    """Choose the submission that tells the status; None if nothing was ever submitted.

    A newer draft hides nothing that somebody has to wait for or to act on: it only counts when all before it is over.
    """
    found = list(submissions)
    are_numbered = all(one.release_number is not None for one in found)
    by_age = sorted(found, key=lambda one: one.rank() if are_numbered else one.rank()[1:])
    submitted = [one for one in by_age if not one.is_draft]
    if not submitted:
        return None
    is_over = _plain_status(submitted[-1]) in {OfferStatus.SUCCEEDED, OfferStatus.CANCELED}
    return by_age[-1] if is_over else submitted[-1]


def _plain_status(submission: WireSubmission) -> OfferStatus:
    """A pending update says more than the stage. What is published and still in progress is on its way to the store."""
    status = _UPDATES.get(submission.update) or _STAGES.get(submission.stage, OfferStatus.UNKNOWN)
    if status is OfferStatus.SUCCEEDED and not submission.is_live:
        return OfferStatus.RUNNING
    if status is OfferStatus.RUNNING and submission.update == "canceled":
        return OfferStatus.CANCELED
    return status


def status_of(submission: WireSubmission, values: UnknownValues) -> OfferStatus:
    """Where a submission stands."""
    status = _plain_status(submission)
    if status is OfferStatus.UNKNOWN:
        values.note("offer_status", submission.substate or submission.state)
    if submission.update not in _SILENT_UPDATES | _UPDATES.keys():
        values.note("offer_status", f"pending update {text(submission.pending_update_info.status)}")
    return status


def live_of(submissions: Sequence[WireSubmission], values: UnknownValues) -> tuple[bool | None, float | None]:
    """Whether there is a live submission, and since when; None where it cannot be known."""
    live = [one for one in submissions if one.is_live]
    if live:
        return True, values.timestamp(max(live, key=WireSubmission.rank).published_time_in_utc)
    return (None if any(one.stage not in _STAGES for one in submissions) else False), None


def steps_of(workflows: Sequence[WireWorkflow], values: UnknownValues) -> tuple[Step, ...]:
    """The steps of all workflows, on the way to the preview before those to live; of a repeated one the last counts."""
    newest: dict[tuple[str, str], WireWorkflow] = {}
    for workflow in sorted(workflows, key=lambda one: values.timestamp(one.start_date_time_in_utc) or 0.0):
        newest[fold(workflow.type), slug(text(workflow.target_environment))] = workflow
    steps: dict[str, Step] = {}
    for (_, target), workflow in sorted(newest.items(), key=lambda one: _place(one[0][1])):
        for entry in workflow.workflow_steps[:MAX_STEPS]:
            step_id = free_id("-".join(filter(None, (target, slug(text(entry.name)) or "step"))), steps)
            steps[step_id] = Step(
                step_id=step_id,
                name=text(entry.name),
                status=_STEP_STATES.get(fold(entry.state)) or values.state(StepStatus, "step_status", entry.state),
                started=values.timestamp(entry.start_date_time_in_utc),
                completed=values.timestamp(entry.complete_date_time_in_utc),
                tells_messages=False,
            )
    return tuple(steps.values())


def _place(target: str) -> int:
    return _TARGETS.index(target if target in _TARGETS else "")


def reasons_of(submission: WireSubmission) -> tuple[Message, ...]:
    """Why the pending update failed, in the API's words."""
    reason = text(submission.pending_update_info.failure_reason, MAX_HTML)
    return (Message(Level.ERROR, f"{REASON}{reason}"),) if reason and submission.update == "failed" else ()


def reports_of(reports: Sequence[WireReport], values: UnknownValues) -> tuple[Message, ...]:
    """Certification reports as messages."""
    return tuple(
        Message(
            level=_report_level(one.status, values),
            html=f"{REPORT}{text(one.status)}",
            timestamp=values.timestamp(one.report_time_in_utc),
        )
        for one in reports
    )


def findings_of(findings: Sequence[WireFinding], values: UnknownValues) -> tuple[Message, ...]:
    """Findings of the validation as messages, by their severity."""
    return tuple(
        Message(
            level=_SEVERITIES.get(fold(one.severity)) or values.state(Level, "message_level", one.severity),
            html=_sentence(one) if number < MAX_MESSAGES else "",
        )
        for number, one in enumerate(findings)
    )


def is_report(message: Message) -> bool:
    """True for what `reports_of` made."""
    return message.html.startswith(REPORT)


def is_finding(message: Message) -> bool:
    """True for what `findings_of` made."""
    return not message.html.startswith((REPORT, REASON))


def _report_level(raw: Any, values: UnknownValues) -> Level:
    known = _REPORT_LEVELS.get(fold(raw))
    if known is None:
        values.note("message_level", raw)
    return known or Level.UNKNOWN


def _sentence(finding: WireFinding) -> str:
    return ": ".join(filter(None, (text(finding.error_code), text(finding.message, MAX_HTML))))
