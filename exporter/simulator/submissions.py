"""How the submission API tells an offer: submissions, workflows, reports and findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.simulator.clock import stamp
from exporter.simulator.pipeline import Phase
from exporter.simulator.products import Standing, is_complete, standing_of, submission_id

if TYPE_CHECKING:
    from exporter.simulator.walk import OfferState, StepState

__all__ = ["reports_of", "submissions_of", "validations_of", "workflows_of"]

_CERTIFICATION = "displaycertify"
_SUBSTATES = {
    Standing.DRAFT: "InDraft",
    Standing.PREVIEWING: "Submitted",
    Standing.WAITING: "ReadyToPublish",
    Standing.GOING_LIVE: "Publishing",
    Standing.LIVE: "InStore",
    Standing.FAILED: "Failed",
    Standing.CANCELED: "Cancelled",
}
_WORKFLOW_STATES = {
    "notStarted": "NotStarted",
    "inProgress": "Running",
    "waitingForApproval": "Running",
    "complete": "Completed",
    "blocked": "Failed",
    "rejected": "Failed",
    "canceled": "Cancelled",
}
_REPORTS = {"inProgress": "Pending", "complete": "Passed", "rejected": "Failed"}


def submissions_of(state: OfferState) -> list[dict[str, Any]]:
    """Tell a state in submissions, the newest last; the one before is there as long as it is the live one."""
    standing = standing_of(state)
    submissions = []
    if standing is not Standing.LIVE and state.live_since is not None:
        submissions.append(_submission(state, state.number - 1, Standing.LIVE) | _published(state.live_since))
    newest = _submission(state, state.number, standing)
    if standing is Standing.LIVE and state.live_since is not None:
        newest |= _published(state.live_since)
    return [*submissions, newest | _pending(state, standing)]


def _submission(state: OfferState, number: int, standing: Standing) -> dict[str, Any]:
    is_live = standing in {Standing.LIVE, Standing.GOING_LIVE} or is_promoted(state, standing)
    release = state.plan.version + number
    return {
        "resourceType": "Submission",
        "state": "Published" if standing is Standing.LIVE else "InProgress",
        "substate": _substate(state, standing),
        "targets": [{"type": "Scope", "value": "live" if is_live else "preview"}],
        "resources": [{"type": "Availability", "value": "default"}],
        "variantResources": [],
        "areResourcesReady": standing is not Standing.DRAFT,
        "releaseNumber": release,
        "friendlyName": f"Submission {release}",
        "id": submission_id(state.plan, number),
    }


def is_promoted(state: OfferState, standing: Standing) -> bool:
    """Tell whether what failed or was canceled was on its way to live."""
    return standing in {Standing.FAILED, Standing.CANCELED} and is_complete(state, Phase.SIGNOFF)


def _substate(state: OfferState, standing: Standing) -> str:
    certification = _step(state, _CERTIFICATION)
    if standing is Standing.FAILED and certification is not None and certification.status == "rejected":
        return "FailedInCertification"
    is_certified = certification is not None and certification.status == "complete"
    return "Publishing" if standing is Standing.PREVIEWING and is_certified else _SUBSTATES[standing]


def _published(instant: float) -> dict[str, Any]:
    return {"publishedTimeInUtc": stamp(instant)}


def _pending(state: OfferState, standing: Standing) -> dict[str, Any]:
    if standing is Standing.DRAFT:
        return {}
    status = {Standing.FAILED: "Failed", Standing.PREVIEWING: "Running", Standing.GOING_LIVE: "Running"}
    kind = "Promote" if is_complete(state, Phase.SIGNOFF) else "Submit"
    info = {"updateType": kind, "status": status.get(standing, "Completed")}
    if standing is Standing.FAILED:
        info["failureReason"] = "The submission failed."
    return {"pendingUpdateInfo": info}


def _step(state: OfferState, step_id: str) -> StepState | None:
    return next((step for step in state.steps if step.stage.step_id == step_id), None)


def workflows_of(state: OfferState) -> list[dict[str, Any]]:
    """Tell the steps: one workflow to the preview, and one to the live offer once it has begun. Sign-off is in neither."""
    phases = {"preview": state.phase(Phase.PREVIEW), "live": state.phase(Phase.LIVE)}
    return [_workflow(name, steps) for name, steps in phases.items() if any(step.started is not None for step in steps)]


def _workflow(target: str, steps: tuple[StepState, ...]) -> dict[str, Any]:
    states = [_WORKFLOW_STATES[step.status] for step in steps]
    ends = [state for state in states if state in {"Failed", "Cancelled"}]
    is_over = all(state == "Completed" for state in states)
    ended = [step.ended for step in steps if step.ended is not None]
    return {
        "type": "Publish",
        "state": ends[0] if ends else "Completed" if is_over else "Running",
        "targetEnvironment": target,
        **_times(steps[0].started, max(ended) if ends or is_over else None),
        "workflowSteps": [
            {"name": step.stage.name, "state": state, **_times(step.started, step.ended)}
            for step, state in zip(steps, states, strict=True)
        ],
    }


def _times(started: float | None, ended: float | None) -> dict[str, str]:
    times = {"startDateTimeInUtc": started, "completeDateTimeInUtc": ended}
    return {name: stamp(instant) for name, instant in times.items() if instant is not None}


def reports_of(state: OfferState) -> list[dict[str, Any]]:
    """Tell the certification's report; its address is signed, which makes it a secret."""
    step = _step(state, _CERTIFICATION)
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
    """Tell what was found: every warning and error among the messages of the steps."""
    return [
        {
            "errorCode": "SimulatedFinding",
            "severity": note.level.capitalize(),
            "message": note.html,
            "resource": step.stage.name,
        }
        for step in state.steps
        for note in step.notes
        if note.level != "information"
    ]
