from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from exporter.collection.record import OUTCOMES, Past, PastPublication
from exporter.collection.snapshot import OfferRecord, Outlook, PublisherRecord, Since, Snapshot, SourceRecord, Usual
from exporter.domain.errors import REASONS
from exporter.domain.offers import Level, Message, Offer, OfferStatus, Step, StepStatus
from exporter.exposition.encoder import encode
from exporter.exposition.publication import Publication
from exporter.sources.registry import SOURCES
from exporter.telemetry.metrics import Telemetry
from tests.unit.make import NOW, failure, message, offer, record, snapshot, step

from .oracle import oracle

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "UPDATE_GOLDEN"
STALE_AFTER = 3600.0

STEPS = (
    step(
        "displaycertify",
        StepStatus.COMPLETE,
        name="Certification",
        progress=1.0,
        estimated_time_frame="~2-3 days",
        messages=(message(Level.ERROR, NOW - 500), message(Level.ERROR, NOW - 400.25), message(Level.WARNING)),
        started=NOW - 7200,
        completed=NOW - 300.5,
    ),
    step("publisher-signoff", StepStatus.WAITING_FOR_PUBLISHER_REVIEW, name="Publisher signoff"),
    step("live", StepStatus.NOT_STARTED, progress=0.0, estimated_time_frame="when it is done"),
)
FULL = offer(
    "linux-vm",
    source="cloud_partner",
    display_name='The "best" \\ VM\nof all',
    offer_type="microsoft-azure-virtualmachines",
    version=636576975611768314,
    changed=NOW - 86400.5,
    steps=STEPS,
    messages=(message(Level.INFORMATION),),
    live=True,
    live_since=NOW - 864000,
)
PAST = (
    Past()
    .with_end(PastPublication(None, 1_700_000_000, OfferStatus.FAILED, None, is_told=False))
    .with_end(PastPublication(1_700_000_000, 1_700_345_600, OfferStatus.SUCCEEDED, 2, is_told=True))
)
OUTLOOK = Outlook((NOW + 86400, NOW + 172800), {"live": Usual(172800, 432000, "type")})
LISTED_ONLY = offer("listed", OfferStatus.UNKNOWN, source="partner_center", is_listed_only=True, tells_messages=False)
HOUSE = Snapshot(
    (
        PublisherRecord(
            "contoso",
            300.0,
            (
                record(FULL, past=PAST, outlook=OUTLOOK),
                record(offer("failing", OfferStatus.FAILED), success=NOW - 600, failure=failure()),
                record(offer("stale", OfferStatus.SUCCEEDED), success=NOW - STALE_AFTER, failure=failure()),
                OfferRecord("contoso", "never-seen", failure=failure("decode")),
                record(offer("idle", OfferStatus.NEVER_PUBLISHED, live=False)),
                record(LISTED_ONLY),
            ),
            last_refresh=NOW,
            last_success=NOW - 600,
            duration=1.25,
            failure=failure(),
            left_out=2,
            sources=(
                SourceRecord("cloud_partner", ("failing", "idle", "never-seen", "stale", "vm"), NOW),
                SourceRecord("partner_center", ("idle", "listed"), NOW - 600, failure("forbidden")),
                SourceRecord("product_ingestion", failure=failure("not_found"), is_expected=False),
            ),
        ),
        PublisherRecord("not asked yet", None),
        PublisherRecord(
            "empty",
            300.0,
            sources=(SourceRecord("cloud_partner", ()),),
            last_refresh=NOW,
            last_success=NOW,
            duration=0.125,
        ),
    )
)


def own_registry() -> CollectorRegistry:
    """The exporter's own metrics as they are at the start, without what differs between hosts."""
    telemetry = Telemetry(one.name for one in SOURCES)
    for collector in list(telemetry.registry._collector_to_names):
        if not isinstance(collector, MetricWrapperBase):
            telemetry.registry.unregister(collector)
    telemetry.build_info.clear()
    telemetry.build_info.labels("1.2.3", "3.11.0").set(1)
    return telemetry.registry


@pytest.mark.parametrize("form", ["txt", "openmetrics"])
@pytest.mark.parametrize(("name", "shown"), [("house", HOUSE), ("nothing", Snapshot())])
def test_whole_exposition(name: str, shown: Snapshot, form: str) -> None:
    """Set UPDATE_GOLDEN to write the files anew, and read the difference."""
    path = GOLDEN / f"{name}.{form}"
    publication = Publication(shown, registry=own_registry(), stale_after=STALE_AFTER, clock=lambda: NOW)
    rendered = b"".join(publication.metrics(openmetrics=form == "openmetrics", gzip=False))
    if os.environ.get(UPDATE):
        path.write_bytes(rendered)
    assert rendered.decode() == path.read_text(encoding="utf-8")


texts = st.one_of(
    st.sampled_from(["", "\\", '"', "\n", '\\"', "\\n", "{}", "{0}", "%s", "\0", "a,b=c", "認証 🎉", "# HELP", "\r"]),
    st.text(st.characters(codec="utf-8"), max_size=12),
)
# No reader gives -0.0, which the numbers that are worked out once cannot tell from 0.
times = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False).map((0.0).__add__), st.integers(0, 2**64))
moments = st.floats(0, 2e9)
messages = st.builds(Message, st.sampled_from(Level), texts, times)
steps = st.builds(
    Step,
    step_id=texts,
    name=texts,
    status=st.sampled_from(StepStatus),
    progress=st.none() | st.floats(0, 1).map((0.0).__add__),
    estimated_time_frame=texts | st.sampled_from(["~2-3 days", "< 15 min"]),
    messages=st.lists(messages, max_size=3).map(tuple),
    started=times,
    completed=times,
    tells_messages=st.booleans(),
)
offers = st.builds(
    Offer,
    publisher_id=texts,
    offer_id=texts,
    status=st.sampled_from(OfferStatus),
    source=texts,
    display_name=texts,
    offer_type=texts,
    version=st.none() | st.integers(-(2**64), 2**64),
    changed=times,
    steps=st.lists(steps, max_size=3, unique_by=lambda one: one.step_id).map(tuple),
    messages=st.lists(messages, max_size=3).map(tuple),
    live=st.none() | st.booleans(),
    live_since=times,
    is_listed_only=st.booleans(),
    tells_messages=st.booleans(),
)
usual = st.builds(Usual, moments, moments, texts)
publications = st.builds(
    PastPublication,
    st.none() | st.integers(0, 2**32),
    st.integers(0, 2**32),
    st.sampled_from(OUTCOMES),
    st.none() | st.integers(-(2**63), 2**63),
    st.booleans(),
)
pasts = st.lists(publications, max_size=3).map(lambda ended: reduce(Past.with_end, ended, Past()))
records = st.builds(
    OfferRecord,
    publisher_id=texts,
    offer_id=texts,
    offer=st.none() | offers,
    since=st.none() | st.builds(Since, moments, moments, st.dictionaries(texts, moments, max_size=2)),
    last_success=st.none() | st.sampled_from([NOW, NOW - STALE_AFTER, NOW - STALE_AFTER + 1, NOW + 99, 0.0]),
    failure=st.none() | st.just(failure()),
    past=pasts,
    outlook=st.none()
    | st.builds(Outlook, st.none() | st.tuples(moments, moments), st.dictionaries(texts, usual, max_size=2)),
)
sources = st.builds(
    SourceRecord,
    source=texts,
    offers=st.none() | st.lists(texts, max_size=3, unique=True).map(tuple),
    last_success=times,
    failure=st.none() | st.builds(failure, st.sampled_from(REASONS)),
)
publishers = st.builds(
    PublisherRecord,
    publisher_id=texts,
    interval=times,
    offers=st.lists(records, max_size=3, unique_by=lambda one: one.offer_id).map(tuple),
    left_out=st.none() | st.integers(0, 10**6),
    last_refresh=times,
    last_success=times,
    duration=times,
    failure=st.none() | st.just(failure()),
    sources=st.lists(sources, max_size=3, unique_by=lambda one: one.source).map(tuple),
)
snapshots = st.builds(Snapshot, st.lists(publishers, max_size=3, unique_by=lambda one: one.publisher_id).map(tuple))


@settings(max_examples=50)
@given(snapshots)
@example(HOUSE)
def test_same_bytes_as_prometheus_client_for_any_snapshot(shown: Snapshot) -> None:
    ours = encode(shown, NOW, STALE_AFTER)
    assert b"".join(ours.text.plain(b"")) == oracle(shown, NOW, STALE_AFTER, openmetrics=False)
    assert b"".join(ours.openmetrics.plain(b"# EOF\n")) == oracle(shown, NOW, STALE_AFTER, openmetrics=True)
    for one in (ours.text, ours.openmetrics):
        assert gzip.decompress(b"".join(one.gzipped(b"# EOF\n"))) == b"".join(one.plain(b"# EOF\n"))


@settings(max_examples=50)
@given(st.binary(max_size=2000))
def test_gzip_is_one_member_with_any_tail(tail: bytes) -> None:
    """The same compressed start serves every scrape."""
    shown = encode(HOUSE, NOW, STALE_AFTER).openmetrics
    packed = b"".join(shown.gzipped(tail))
    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    assert inflater.decompress(packed) == b"".join(shown.plain(tail))
    assert (inflater.eof, inflater.unused_data) == (True, b"")
    assert len(packed) < len(tail) + 5500
    assert shown.gzipped(tail).size == len(packed)
    assert shown.plain(tail).size == shown.size + len(tail)


def test_the_formats_share_all_that_comes_before_their_first_difference() -> None:
    """There is so much of it, and after it, that the compressor does not keep back all that it is given."""
    ids = (hashlib.sha256(bytes((number >> 8, number & 255))).hexdigest() for number in range(2000))
    shown = encode(snapshot(*(record(offer(one)) for one in ids)), NOW, STALE_AFTER)
    for one in (shown.text, shown.openmetrics):
        assert gzip.decompress(b"".join(one.gzipped(b""))) == b"".join(one.plain(b""))
    assert shown.text.deflated[0] is shown.openmetrics.deflated[0]
    assert len(shown.text.deflated[0]) > 0.85 * sum(map(len, shown.text.deflated))
