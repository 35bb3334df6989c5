"""THE table of metrics: every name, type, help text and label that the exporter exposes.

Help texts hold no quotes or backslashes: the two formats escape those differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exporter.collection.record import OUTCOMES
from exporter.collection.snapshot import OfferRecord, PublisherRecord, SourceRecord
from exporter.domain.errors import REASONS
from exporter.domain.estimates import upper_bound_seconds
from exporter.domain.notices import notice_of
from exporter.domain.offers import Level, Message, OfferStatus, Party, StepStatus
from exporter.exposition.kinds import Counts, Family, Info, OfferRow, States, StepRow, Totals, Value
from exporter.sources.registry import SOURCES
from exporter.telemetry.metrics import Documented, Telemetry

__all__ = ["FAMILIES", "Documented", "documented", "families"]

_LEVELS = tuple(Level)
_NO_MESSAGES = (0,) * len(_LEVELS)


def _by_level(messages: Sequence[Message]) -> Sequence[int]:
    if not messages:
        return _NO_MESSAGES
    counts = dict.fromkeys(_LEVELS, 0)
    for message in messages:
        counts[message.level] += 1
    return list(counts.values())


def _newest(messages: Sequence[Message]) -> float | None:
    times = [one.timestamp for one in messages if one.timestamp is not None]
    return max(times) if times else None


_MESSAGE_TEXT = Info(
    OfferRow,
    "offer_message_info",
    "Newest error, else warning, of an offer that waits for its publisher; always 1. The step is empty if it is of the offer.",
    lambda row: notice_of(row.offer),
    extra=("step_id", "level", "text"),
)
"""The one family with text that Microsoft wrote for the publisher, so the one that can be switched off."""

FAMILIES: tuple[Family[Any, Any], ...] = (
    Value(
        PublisherRecord,
        "publisher_up",
        "1 if the last refresh of this publisher got everything it asked for.",
        lambda row: row.up,
    ),
    Value(
        PublisherRecord,
        "publisher_offers",
        "Offers in the last good lists; one that several sources list counts once.",
        lambda row: row.listed,
    ),
    Value(
        PublisherRecord,
        "publisher_last_refresh_timestamp_seconds",
        "When the last refresh of this publisher ended.",
        lambda row: row.last_refresh,
    ),
    Value(
        PublisherRecord,
        "publisher_last_success_timestamp_seconds",
        "When the last refresh that got everything ended.",
        lambda row: row.last_success,
    ),
    Value(
        PublisherRecord,
        "publisher_refresh_duration_seconds",
        "How long the last refresh took.",
        lambda row: row.duration,
    ),
    Value(
        PublisherRecord,
        "publisher_refresh_interval_seconds",
        "Time between the starts of two refreshes, as configured; alert on age > 3 * interval.",
        lambda row: row.interval,
    ),
    Value(
        PublisherRecord,
        "publisher_offers_left_out",
        "Offers that the last refresh had no time to ask for; the next one begins with them.",
        lambda row: row.left_out,
    ),
    Value(
        SourceRecord,
        "source_up",
        "1 if this source could be read in the last refresh: its list or, without that, an offer named in the settings.",
        lambda row: row.failure is None,
    ),
    Counts(
        SourceRecord,
        "source_failure",
        "Why this source could not be read in the last refresh: 1 for the reason, all 0 if it could.",
        lambda row: [row.failure is not None and row.failure.reason == reason for reason in REASONS],
        extra=("reason",),
        values=REASONS,
    ),
    Value(
        SourceRecord,
        "source_expected",
        "1 if a failure of this source counts, 0 if it is not available here: the settings do not name it, and it has "
        "refused from the start while others could be read.",
        lambda row: row.is_expected,
    ),
    Value(SourceRecord, "source_offers", "Offers in the last good list of this source.", lambda row: row.listed),
    Value(
        SourceRecord,
        "source_last_success_timestamp_seconds",
        "When this source was last read.",
        lambda row: row.last_success,
    ),
    Value(
        OfferRecord,
        "offer_up",
        "1 if the last fetch of this offer worked; its other series show the last good fetch.",
        lambda row: row.failure is None,
    ),
    Value(
        OfferRecord,
        "offer_last_success_timestamp_seconds",
        "When this offer was last fetched.",
        lambda row: row.last_success,
    ),
    Info(
        OfferRow,
        "offer_info",
        "Descriptive text of the offer; always 1. The lifecycle is empty where the source does not tell it.",
        lambda row: (row.offer.display_name, row.offer.offer_type, row.offer.source, row.offer.lifecycle),
        extra=("display_name", "offer_type", "source", "lifecycle"),
    ),
    States(
        OfferRow,
        "offer_status",
        "Status of the newest submission as the API tells it, cached since the last refresh; the current one is 1.",
        lambda row: None if row.offer.is_listed_only else row.offer.status,
        extra=("status",),
        values=OfferStatus,
    ),
    Value(
        OfferRow,
        "offer_status_since_timestamp_seconds",
        "When the exporter first saw the current status.",
        lambda row: None if row.offer.is_listed_only else row.since.status,
    ),
    States(
        OfferRow,
        "offer_waiting_on",
        "Who has to act next; the current one is 1.",
        lambda row: None if row.offer.is_listed_only else row.offer.waiting_on,
        extra=("party",),
        values=Party,
    ),
    Value(
        OfferRow,
        "offer_waiting_on_since_timestamp_seconds",
        "When the exporter first saw that this party has to act.",
        lambda row: None if row.offer.is_listed_only else row.since.waiting_on,
    ),
    Value(
        OfferRow,
        "offer_live",
        "1 if the offer is live, whatever its newest submission does; absent where the source cannot tell.",
        lambda row: row.offer.live,
    ),
    Value(
        OfferRow,
        "offer_live_since_timestamp_seconds",
        "When the live submission was published, according to the API.",
        lambda row: row.offer.live_since,
    ),
    Value(
        OfferRow,
        "offer_changed_timestamp_seconds",
        "When the offer last changed, according to the API.",
        lambda row: row.offer.changed,
    ),
    Value(OfferRow, "offer_version", "Version number of the offer in the API.", lambda row: row.offer.version),
    Counts(
        OfferRow,
        "offer_messages",
        "Messages of the offer itself, by level.",
        lambda row: _by_level(row.offer.messages) if row.offer.tells_messages else None,
        extra=("level",),
        values=Level,
    ),
    _MESSAGE_TEXT,
    Counts(
        OfferRow,
        "offer_expected_live_timestamp_seconds",
        "Before when the offer goes live with this probability, forecast from the record of the past; steps of the publisher count as "
        "done at once.",
        lambda row: row.outlook.expected if row.outlook else None,
        extra=("quantile",),
        values=("0.5", "0.8"),
    ),
    Value(
        OfferRow,
        "offer_last_publication_duration_seconds",
        "How long the last publication took that the exporter has seen begin and end, whatever its outcome.",
        lambda row: row.past.last.seconds if row.past.last else None,
    ),
    Info(
        StepRow,
        "offer_step_info",
        "Descriptive text of the step; always 1.",
        lambda row: (row.step.name, str(row.position), row.step.estimated_time_frame),
        extra=("step_name", "position", "estimated_time_frame"),
    ),
    States(
        StepRow,
        "offer_step_status",
        "Status of the step as the API tells it, cached since the last refresh; the current one is 1.",
        lambda row: row.step.status,
        extra=("status",),
        values=StepStatus,
    ),
    Value(
        StepRow,
        "offer_step_status_since_timestamp_seconds",
        "When the exporter first saw the current status of the step.",
        lambda row: row.since,
    ),
    Value(
        StepRow,
        "offer_step_started_timestamp_seconds",
        "When the step began, according to the API.",
        lambda row: row.step.started,
    ),
    Value(
        StepRow,
        "offer_step_completed_timestamp_seconds",
        "When the step ended, according to the API; completed - started is how long it took.",
        lambda row: row.step.completed,
    ),
    Value(
        StepRow,
        "offer_step_progress_ratio",
        "Progress of the step from 0 to 1 as the API tells it; complete steps may show 0.",
        lambda row: row.step.progress,
    ),
    Value(
        StepRow,
        "offer_step_estimated_duration_seconds",
        "Upper bound of the time frame that the API estimates for the step.",
        lambda row: upper_bound_seconds(row.step.estimated_time_frame),
    ),
    Counts(
        StepRow,
        "offer_step_usual_duration_seconds",
        "How long the step takes at most in this share of all times, by the record of the offer, else of its type, else of all; while "
        "the offer is being published.",
        lambda row: (row.usual.median, row.usual.late) if row.usual else None,
        extra=("quantile",),
        values=("0.5", "0.95"),
    ),
    Counts(
        StepRow,
        "offer_step_messages",
        "Messages of the step, by level.",
        lambda row: _by_level(row.step.messages) if row.step.tells_messages else None,
        extra=("level",),
        values=Level,
    ),
    Value(
        StepRow,
        "offer_step_last_message_timestamp_seconds",
        "When the newest message of the step was written, according to the API.",
        lambda row: _newest(row.step.messages),
    ),
    # Last, for up to the first counter the two formats are the same.
    Totals(
        OfferRow,
        "offer_publications_total",
        "Publications that the exporter has seen end; the state file keeps the number over restarts.",
        lambda row: None if row.offer.is_listed_only else row.past.counts,
        extra=("outcome",),
        values=OUTCOMES,
    ),
)


def families(*, message_text: bool) -> tuple[Family[Any, Any], ...]:
    """The families to expose, with or without the text of messages."""
    return FAMILIES if message_text else tuple(one for one in FAMILIES if one is not _MESSAGE_TEXT)


def documented() -> tuple[Documented, ...]:
    """Every metric that the exporter defines: those of the snapshot, then its own."""
    snapshot = (
        Documented(
            one.name, one.kind, one.help, {label: one.values if label in one.extra else () for label in one.labels}
        )
        for one in FAMILIES
    )
    return (*snapshot, *Telemetry(one.name for one in SOURCES).documented)
