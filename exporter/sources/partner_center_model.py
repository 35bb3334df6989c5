"""What the Partner Center submission API sends, and what it means.

Shapes are those of Microsoft's OpenAPI document "Partner Ingestion", version 1.0, and of recorded answers. States of
workflows and of their steps are free strings there, so that some of ours are guesses; what is none of them is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from exporter.domain.offers import Level, Message, OfferStatus, Step, StepStatus, slug
from exporter.domain.texts import text
from exporter.sources.wire import Oddities, WireModel

__all__ = [
    "WireFinding",
    "WireProduct",
    "WireReport",
    "WireSubmission",
    "WireWorkflow",
    "deciding",
    "is_draft",
    "live_of",
    "messages_of",
    "status_of",
    "steps_of",
]

MAX_TEXT = 4096
MAX_MESSAGES = 50  # whose text is kept; all are counted
MAX_STEPS = 100


class WirePair(WireModel):
    """A value with its type, such as an external id or the scope of a submission."""

    type: Any = None
    value: Any = None


class WireProduct(WireModel):
    """An entry of the list of products."""

    id: Any = None
    name: Any = None
    resource_type: Any = None
    external_ids: tuple[WirePair, ...] = ()

    @property
    def offer_id(self) -> str:
        """The offer id as people know it, empty for what is no offer of the marketplace."""
        return next((text(one.value) for one in self.external_ids if _fold(one.type) == "azureofferid"), "")


class WireUpdate(WireModel):
    """What is under way with a submission."""

    status: Any = None


class WireSubmission(WireModel):
    """A submission; `id` is a number of 19 digits, written as text."""

    id: Any = None
    state: Any = None
    substate: Any = None
    targets: tuple[WirePair, ...] = ()
    published_time_in_utc: Any = None
    pending_update_info: WireUpdate = WireUpdate()
    release_number: Any = None

    @property
    def stage(self) -> str:
        """The substate, which says more than the state; folded."""
        return _fold(self.substate) or _fold(self.state)

    @property
    def scope(self) -> str:
        """`preview` or `live`, empty if it does not say."""
        return next((_fold(one.value) for one in self.targets if _fold(one.type) == "scope"), "")

    @property
    def is_live(self) -> bool:
        """True if it is what customers can buy."""
        return self.stage in _PUBLISHED and self.scope != "preview"

    def rank(self) -> tuple[int, int]:
        """Give what orders submissions by age: the release number, then the id."""
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
    workflow_steps: tuple[WireWorkflowStep, ...] = ()


class WireReport(WireModel):
    """A certification report; its link is signed and therefore not read."""

    report_time_in_utc: Any = None
    status: Any = None


class WireFinding(WireModel):
    """A finding of the validation."""

    error_code: Any = None
    severity: Any = None
    message: Any = None


def _fold(value: Any) -> str:
    return "".join(one for one in value.lower() if one.isalnum()) if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else -1


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
    "cancelled": OfferStatus.CANCELED,
}
_UPDATES = {"running": OfferStatus.RUNNING, "failed": OfferStatus.FAILED}
_STEP_STATES = {
    "running": StepStatus.IN_PROGRESS,
    "completed": StepStatus.COMPLETE,
    "succeeded": StepStatus.COMPLETE,
    "failed": StepStatus.REJECTED,
}
_REPORT_LEVELS = {
    "pending": Level.INFORMATION,
    "passed": Level.INFORMATION,
    "passedwithnotes": Level.WARNING,
    "failed": Level.ERROR,
    "unknown": Level.UNKNOWN,
}


def is_draft(submission: WireSubmission) -> bool:
    """Tell whether it has not been submitted yet."""
    return submission.stage == "indraft"


def deciding(submissions: Iterable[WireSubmission]) -> WireSubmission | None:
    """Choose the submission that tells the status; None if nothing was ever submitted.

    A newer draft hides nothing that somebody has to wait for or to act on: it only counts when all before it is over.
    """
    by_age = sorted(submissions, key=WireSubmission.rank)
    submitted = [one for one in by_age if not is_draft(one)]
    if not submitted:
        return None
    is_over = _plain_status(submitted[-1]) in {OfferStatus.SUCCEEDED, OfferStatus.CANCELED}
    return by_age[-1] if is_over else submitted[-1]


def _plain_status(submission: WireSubmission) -> OfferStatus:
    """A pending update says more than the stage; what is published as a preview waits for the publisher's consent."""
    update = _UPDATES.get(_fold(submission.pending_update_info.status))
    status = update or _STAGES.get(submission.stage, OfferStatus.UNKNOWN)
    if status is OfferStatus.WAITING_FOR_PUBLISHER_REVIEW and submission.scope == "live":
        return OfferStatus.RUNNING
    if status is OfferStatus.SUCCEEDED and submission.scope == "preview":
        return OfferStatus.WAITING_FOR_PUBLISHER_REVIEW
    return status


def status_of(submission: WireSubmission, odd: Oddities) -> OfferStatus:
    """Tell where a submission stands."""
    status = _plain_status(submission)
    if status is OfferStatus.UNKNOWN:
        odd.note("offer_status", submission.substate or submission.state)
    return status


def live_of(submissions: Sequence[WireSubmission], odd: Oddities) -> tuple[bool | None, float | None]:
    """Tell whether there is a live submission and since when; None where it cannot be known."""
    live = [one for one in submissions if one.is_live]
    if live:
        return True, odd.timestamp(max(live, key=WireSubmission.rank).published_time_in_utc)
    return (None if any(one.stage not in _STAGES for one in submissions) else False), None


def steps_of(workflows: Iterable[WireWorkflow], odd: Oddities) -> tuple[Step, ...]:
    """Tell the steps of all workflows in the order in which those began; of a repeated workflow only the last counts."""
    newest: dict[tuple[str, str], WireWorkflow] = {}
    for workflow in sorted(workflows, key=lambda one: odd.timestamp(one.start_date_time_in_utc) or 0.0):
        key = _fold(workflow.type), slug(text(workflow.target_environment))
        newest.pop(key, None)
        newest[key] = workflow
    steps: dict[str, Step] = {}
    for (_, target), workflow in newest.items():
        for entry in workflow.workflow_steps[:MAX_STEPS]:
            step_id = _free_id("-".join(filter(None, (target, slug(text(entry.name)) or "step"))), steps)
            steps[step_id] = Step(
                step_id=step_id,
                name=text(entry.name),
                status=_step_status(entry.state, odd),
                started=odd.timestamp(entry.start_date_time_in_utc),
                completed=odd.timestamp(entry.complete_date_time_in_utc),
                tells_messages=False,
            )
    return tuple(steps.values())


def _free_id(wanted: str, taken: dict[str, Step]) -> str:
    number, step_id = 1, wanted
    while step_id in taken:
        number += 1
        step_id = f"{wanted}-{number}"
    return step_id


def _step_status(raw: Any, odd: Oddities) -> StepStatus:
    return _STEP_STATES.get(_fold(raw)) or odd.state(StepStatus, "step_status", raw)


def messages_of(reports: Sequence[WireReport], findings: Sequence[WireFinding], odd: Oddities) -> tuple[Message, ...]:
    """Tell reports and findings as messages of the offer, by their severity."""
    return (
        *(
            Message(
                level=_report_level(one.status, odd),
                html=f"Certification report: {text(one.status)}",
                timestamp=odd.timestamp(one.report_time_in_utc),
            )
            for one in reports
        ),
        *(
            Message(
                level=odd.state(Level, "message_level", one.severity),
                html=_sentence(one) if number < MAX_MESSAGES else "",
            )
            for number, one in enumerate(findings)
        ),
    )


def _report_level(raw: Any, odd: Oddities) -> Level:
    known = _REPORT_LEVELS.get(_fold(raw))
    if known is None:
        odd.note("message_level", raw)
    return known or Level.UNKNOWN


def _sentence(finding: WireFinding) -> str:
    return ": ".join(filter(None, (text(finding.error_code), text(finding.message, MAX_TEXT))))
