"""How the submission API tells an offer, in the words in which public clients have seen it answer.

The states, the two workflows and their words are those of microsoft/navcontainerhelper (AppSource/*.ps1, issue 3536) and
microsoft/PackageUploader; the word for a step that failed is ours, for clients take any other word for a failure.
"""

from __future__ import annotations

from typing import Any

from exporter.simulator.clock import NEVER, stamp
from exporter.simulator.pipeline import CERTIFICATION, Phase
from exporter.simulator.walk import OfferState, StepState
from exporter.simulator.world import Standing, product_id, standing_of, submission_id

__all__ = ["reports_of", "submissions_of", "validations_of", "workflows_of"]

_STATES = {
    Standing.DRAFT: ("InProgress", "InDraft"),
    Standing.PREVIEWING: ("InProgress", "Submitted"),
    Standing.WAITING: ("Published", "ReadyToPublish"),
    Standing.GOING_LIVE: ("InProgress", "Publishing"),
    Standing.LIVE: ("Published", "InStore"),
    Standing.FAILED: ("InProgress", "Failed"),
    Standing.CANCELED: ("InProgress", "Cancelled"),
}
_PENDING = {Standing.GOING_LIVE: "Running", Standing.CANCELED: "Cancelled"}
_STEP_STATES = {
    "notStarted": "NotStarted",
    "inProgress": "InProgress",
    "waitingForApproval": "InProgress",
    "waitingForPublisherReview": "InProgress",
    "complete": "Success",
    "blocked": "Failed",
    "rejected": "Failed",
    "canceled": "Cancelled",
}
_REPORTS = {"inProgress": "Pending", "complete": "Passed", "rejected": "Failed"}
_SEVERITIES = {"information": "Informational", "warning": "Warning", "error": "Error"}


def submissions_of(state: OfferState) -> list[dict[str, Any]]:
    """The submissions, the newest last; the one before is there as long as it is the live one."""
    standing = standing_of(state)
    submissions = []
    if standing is not Standing.LIVE and state.live_since is not None:
        submissions.append(_submission(state, state.number - 1, Standing.LIVE, state.live_since))
    return [*submissions, _submission(state, state.number, standing, _published(state, standing))]


def _published(state: OfferState, standing: Standing) -> float | None:
    """When the newest submission came where it is: into the preview or the store."""
    if standing is Standing.LIVE:
        return state.live_since
    return state.phase(Phase.PREVIEW)[-1].ended if standing in {Standing.WAITING, Standing.GOING_LIVE} else None


def _submission(state: OfferState, number: int, standing: Standing, published: float | None) -> dict[str, Any]:
    """The target scope says Preview for everything, also for what is in the store."""
    is_newest = number == state.number
    release = state.plan.version + number
    name, substate = _STATES[standing]
    pending = {"pendingUpdateInfo": {"updateType": "Create", "status": "Completed"}}
    if is_newest and _is_in_draft(state, standing):
        substate = "InDraft"
    elif is_newest and standing is Standing.FAILED and _is_rejected(state.step(CERTIFICATION)):
        substate = "FailedInCertification"
    return {
        "resourceType": "Submission",
        "state": name,
        "substate": substate,
        "targets": [{"type": "Scope", "value": "Preview"}],
        "resources": [{"type": "Availability", "value": product_id(state.plan)}],
        "variantResources": [],
        "publishedTimeInUtc": NEVER if published is None else stamp(published),
        **(_pending(state, standing) if is_newest else pending),
        "releaseNumber": release,
        "friendlyName": f"Submission {release}",
        "areResourcesReady": standing is not Standing.DRAFT,
        "id": submission_id(state.plan, number),
    }


def _is_in_draft(state: OfferState, standing: Standing) -> bool:
    """True in the first step, and for what failed there: such a submission has not left the draft."""
    if standing not in {Standing.PREVIEWING, Standing.FAILED}:
        return False
    return state.steps[0].status in {"inProgress", "rejected"}


def _pending(state: OfferState, standing: Standing) -> dict[str, Any]:
    if standing is Standing.DRAFT:
        return {}
    info = {"updateType": "Create", "status": _PENDING.get(standing, "Completed")}
    if standing is Standing.GOING_LIVE:
        info["updateType"] = "Promote"
        if any(step.status == "waitingForApproval" for step in state.steps):
            info["status"] = "PendingConfirmation"
    elif _is_in_draft(state, standing):
        info["status"] = "Failed" if standing is Standing.FAILED else "Running"
        if standing is Standing.FAILED:
            where = f"{product_id(state.plan)}/submissions/{submission_id(state.plan, state.number)}"
            info["href"] = f"v1.0/ingestion/products/{where}/validations"
            info["failureReason"] = "Active validation errors"
    return {"pendingUpdateInfo": info}


def _is_rejected(step: StepState | None) -> bool:
    return step is not None and step.status == "rejected"


def workflows_of(state: OfferState) -> list[dict[str, Any]]:
    """Always two workflows. That sign-off belongs to the second is read from example times: the first ends before it."""
    if not state.steps:
        return []
    preview, live = state.phase(Phase.PREVIEW), state.phase(Phase.SIGNOFF, Phase.LIVE)
    promoted = next((step.ended for step in state.phase(Phase.SIGNOFF)), None)
    return [_workflow("Preview", preview, preview[0].started), _workflow("Live", live, promoted)]


def _workflow(target: str, steps: tuple[StepState, ...], started: float | None) -> dict[str, Any]:
    states = [_STEP_STATES[step.status] for step in steps]
    failures = [one for one in states if one in {"Failed", "Cancelled"}]
    is_over = all(one == "Success" for one in states)
    ended = [step.ended for step in steps if step.ended is not None]
    state = failures[0] if failures else "Success" if is_over else "InProgress" if started else "NotStarted"
    return {
        "type": "Push",
        "state": state,
        "targetEnvironment": target,
        "workflowSteps": [
            {"name": _name(step), "state": one, **_times(step.started, step.ended)}
            for step, one in zip(steps, states, strict=True)
        ],
        **_times(started, max(ended) if failures or is_over else None),
    }


def _name(step: StepState) -> str:
    return "Publisher Signoff" if step.stage.phase is Phase.SIGNOFF else step.stage.name


def _times(started: float | None, ended: float | None) -> dict[str, str]:
    """Workflows tell their times without a zone."""
    times = {"startDateTimeInUtc": started, "completeDateTimeInUtc": ended}
    return {name: stamp(instant).removesuffix("Z") for name, instant in times.items() if instant is not None}


def reports_of(state: OfferState) -> list[dict[str, Any]]:
    """The certification's report; its address is signed, which makes it a secret."""
    step = state.step(CERTIFICATION)
    if step is None or step.started is None:
        return []
    return [
        {
            "reportTimeInUtc": stamp(step.ended or step.started),
            "status": _REPORTS.get(step.status, "Unknown"),
            "fileUri": "https://reports.example.com/certification.pdf?sig=simulated-signature",
        }
    ]


def validations_of(state: OfferState) -> list[dict[str, Any]]:
    """What was found wrong, and beside it what is only good to know."""
    return [
        {
            "errorCode": "SimulatedFinding",
            "severity": _SEVERITIES[note.level],
            "message": note.html,
            "resource": step.stage.name,
        }
        for step in state.steps
        for note in step.notes
        if note.level != "information" or step.status in {"blocked", "rejected"}
    ]
