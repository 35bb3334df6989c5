"""State files of version 1, written before there were several sources, a selection was kept, or a record of the past."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Since, Snapshot, SourceRecord
from exporter.collection.state import StateFile
from exporter.config.selection import Selection
from exporter.config.shards import Shard
from exporter.domain.offers import Offer, OfferStatus, Step, StepStatus

RECORD = {"past", "outlook", "pools"}
SELECTION = RECORD | {"selection", "is_complete"}
SINCE = SELECTION | {
    "departed",
    "left_out",
    "tried",
    "submission",
    "sources",
    "live",
    "live_since",
    "product_id",
    "is_listed_only",
    "tells_messages",
    "started",
    "completed",
}
STEP = Step("certify", "Certify", StepStatus.IN_PROGRESS)
OFFER = Offer("contoso", "vm", OfferStatus.RUNNING, "cloud_partner", steps=(STEP,))
KNOWN = OfferRecord("contoso", "vm", OFFER, OFFER, 1.0, Since(1.0, 2.0, {"certify": 3.0}), 4.0)


def save(path: Path, snapshot: Snapshot) -> None:
    state = StateFile(path)
    state.save(snapshot)
    state.close()


def load(path: Path) -> Snapshot:
    state = StateFile(path)
    snapshot = state.load()
    state.close()
    return snapshot


def without(content: Any, names: set[str]) -> Any:
    if isinstance(content, list):
        return [without(one, names) for one in content]
    if isinstance(content, dict):
        return {key: without(value, names) for key, value in content.items() if key not in names}
    return content


def opened(path: Path) -> tuple[str, str]:
    head, body = gzip.decompress(path.read_bytes()).decode().splitlines()
    return head.replace('"version": 2', '"version": 1'), body


def aged(path: Path, snapshot: Snapshot, names: set[str]) -> Snapshot:
    """Load what is saved without these fields."""
    save(path, snapshot)
    head, body = opened(path)
    old = json.dumps(without(json.loads(body), names))
    for name in names:
        assert f'"{name}"' in body
        assert f'"{name}"' not in old
    path.write_text(f"{head}\n{old}\n", encoding="utf-8")
    return load(path)


def test_are_still_read(tmp_path: Path) -> None:
    snapshot = Snapshot((PublisherRecord("contoso", 300.0, (KNOWN,)),))
    assert aged(tmp_path / "state", snapshot, SINCE - {"is_complete"}) == snapshot


def test_do_not_tell_whether_they_are_complete(tmp_path: Path) -> None:
    """And so do not count as if they were."""
    told = SourceRecord("cloud_partner", ("vm",), 5.0)
    old = PublisherRecord("contoso", 300.0, (KNOWN,), sources=(told,))
    new = replace(old, sources=(replace(told, is_complete=True),), selection=Selection((), ("cloud_partner",)))
    assert aged(tmp_path / "state", Snapshot((new,)), SELECTION) == Snapshot((old,))


def test_keep_what_was_selected(tmp_path: Path) -> None:
    selection = Selection(("vm",), ("cloud_partner", "partner_center"), Shard(1, 3))
    sources = (SourceRecord("cloud_partner", ("vm",), 5.0, is_complete=True),)
    snapshot = Snapshot((PublisherRecord("contoso", 300.0, (KNOWN,), sources=sources, selection=selection),))
    save(tmp_path / "state", snapshot)
    assert load(tmp_path / "state") == snapshot


def test_keep_what_the_sources_told(tmp_path: Path) -> None:
    sources = (SourceRecord("cloud_partner", ("vm",), 5.0), SourceRecord("partner_center"))
    snapshot = Snapshot((PublisherRecord("contoso", 300.0, (KNOWN,), sources=sources),))
    save(tmp_path / "state", snapshot)
    assert load(tmp_path / "state") == snapshot


def test_lists_that_were_only_counted_are_no_lists(tmp_path: Path) -> None:
    """Before 0.2 a source's record had the length of its list, and the publisher's one of all."""
    path = tmp_path / "state"
    save(path, Snapshot((PublisherRecord("contoso", 300.0, sources=(SourceRecord("cloud_partner", ("vm",), 5.0),)),)))
    head, body = opened(path)
    content = json.loads(body)
    content["publishers"][0] |= {"listed": 1}
    content["publishers"][0]["sources"][0] = {"source": "cloud_partner", "listed": 1, "last_success": 5.0}
    path.write_text(f"{head}\n{json.dumps(content)}\n", encoding="utf-8")
    assert load(path) == Snapshot(
        (PublisherRecord("contoso", 300.0, sources=(SourceRecord("cloud_partner", None, 5.0),)),)
    )
