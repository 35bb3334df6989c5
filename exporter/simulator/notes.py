"""The messages that steps and offers carry: HTML, a level, an instant."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Note", "notes_of"]


@dataclass(frozen=True, slots=True)
class Note:
    """One message; `at` is a real instant in Unix seconds."""

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
    """Give what Microsoft says when a step or offer called `name` comes into a status; most have something to say."""
    if status not in _TEXTS:
        return ()
    level, text = _TEXTS[status]
    return (Note(level, text.format(name=name), at),)
