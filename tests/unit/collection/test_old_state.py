"""State files written before there were several sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Since, Snapshot, SourceRecord
from exporter.collection.state import StateFile
from exporter.offers import Offer, OfferStatus, Step, StepStatus

SINCE = {"sources", "live", "live_since", "product_id", "is_listed_only", "tells_messages", "started", "completed"}
STEP = Step("certify", "Certify", StepStatus.IN_PROGRESS)
OFFER = Offer("contoso", "vm", OfferStatus.RUNNING, "cloud_partner", steps=(STEP,))
RECORD = OfferRecord("contoso", "vm", OFFER, OFFER, 1.0, Since(1.0, 2.0, {"certify": 3.0}), 4.0)


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


def test_are_still_read(tmp_path: Path) -> None:
    snapshot = Snapshot((PublisherRecord("contoso", 300.0, (RECORD,), listed=1),))
    save(tmp_path / "state", snapshot)
    head, body = (tmp_path / "state").read_text(encoding="utf-8").splitlines()
    old = json.dumps(without(json.loads(body), SINCE))
    assert '"live"' in body
    assert '"live"' not in old
    (tmp_path / "state").write_text(f"{head}\n{old}\n", encoding="utf-8")
    assert load(tmp_path / "state") == snapshot


def test_keep_what_the_sources_told(tmp_path: Path) -> None:
    sources = (SourceRecord("cloud_partner", 1, 5.0), SourceRecord("partner_center"))
    snapshot = Snapshot((PublisherRecord("contoso", 300.0, (RECORD,), listed=1, sources=sources),))
    save(tmp_path / "state", snapshot)
    assert load(tmp_path / "state") == snapshot
