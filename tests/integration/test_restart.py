"""The state file: whatever ends a process and whenever, the next one knows what the last one knew."""

from __future__ import annotations

import gzip
import json
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import Keep, StartExporter, StartSimulator, WriteSettings
from .processes import Exporter, Process, wait_until
from .test_end_to_end import OFFER

PREFIX = "azure_marketplace_"
LABELS = '{offer_id="vm",publisher_id="contoso"}'
UP = f"{PREFIX}offer_up{LABELS}"
SUCCESS = f"{PREFIX}offer_last_success_timestamp_seconds{LABELS}"
PUBLISHER_UP = PREFIX + 'publisher_up{publisher_id="contoso"}'
REFRESH = PREFIX + 'publisher_last_refresh_timestamp_seconds{publisher_id="contoso"}'
KILLS = 12
OFFERS = 40


def since(samples: dict[str, float]) -> dict[str, float]:
    """Give all since-times."""
    return {name: value for name, value in samples.items() if "_since_timestamp_seconds{" in name}


def test_kill_at_any_moment(
    simulator: StartSimulator, command: Path, write_settings: WriteSettings, keep: Keep, tmp_path: Path
) -> None:
    """A dozen times kill -9, half of them aimed at a write of the state file.

    Every next start works and has not forgotten since when anything holds.
    """
    api = simulator()
    for number in range(OFFERS):
        api.put_offer("contoso", "vm" if number == 0 else f"vm-{number}", OFFER)
    # A little slowness makes refreshes long enough to be hit.
    api.control("POST", "faults", json={"kind": "slow", "seconds": 0.02, "operation": "offer_status"})
    state = tmp_path / "state" / "state.json"
    state.parent.mkdir()
    settings = write_settings(
        {
            "api": {"base_url": api.url, "requests_per_second": 1000},
            "collection": {"interval": "1s", "state_file": str(state)},
        }
    )
    line: list[str | Path] = [command, f"--config.file={settings}"]
    first = keep(lambda folder: Exporter(line, folder))
    wait_until(state.exists, "the state file")
    known = since(first.samples())
    assert len(known) == OFFERS * (2 + len(OFFER["steps"]))
    first.kill()
    chance = random.Random(20261121)
    hits = {"write": 0, "refresh": 0}
    for number in range(KILLS):
        watched = keep(lambda folder: Process(line, folder))
        if number % 2:
            kill_in_a_write(watched, state, chance.uniform(0, 0.0005))
            hits["write"] += state.with_name("state.json.new").exists()
        else:
            watched.wait_for_text("event=starting")
            time.sleep(chance.uniform(0, 0.25))
            watched.kill()
            hits["refresh"] += "refresh done" not in watched.log
        assert "Traceback" not in watched.log
    assert all(hits.values()), hits

    last = keep(lambda folder: Exporter(line, folder))
    assert last.get("/-/ready").status_code == 200
    assert since(last.samples()) == known
    last.wait_for_sample(PUBLISHER_UP, 1)
    assert since(last.samples()) == known
    assert not list(state.parent.glob("*.unusable-*"))


def kill_in_a_write(watched: Process, state: Path, after: float) -> None:
    """Kill -9 a moment after the new file appears; it is there for as long as it is being written."""
    fresh = state.with_name("state.json.new")
    fresh.unlink(missing_ok=True)
    watched.wait_for_text("event=starting")
    end = time.monotonic() + 20
    while not fresh.exists():
        assert watched.exit_code is None, watched.log
        assert time.monotonic() < end
    time.sleep(after)
    watched.kill()


def test_restored_state(simulator: StartSimulator, exporter: StartExporter, tmp_path: Path) -> None:
    """Shown at once and ready, with its true age, though nobody answers; SIGTERM has written it."""
    api = simulator()
    api.put_offer("contoso", "vm", OFFER)
    state = tmp_path / "state.json"
    changes = {"api": {"base_url": api.url, "max_retries": 0}, "collection": {"state_file": str(state)}}
    first = exporter(changes)
    first.wait_for_sample(UP, 1)
    wait_until(state.exists, "the state file")
    state.unlink()
    first_known = first.samples()
    assert first.terminate() == 0
    assert state.exists(), "written at the end"

    api.kill()
    again = exporter(changes)
    assert again.get("/-/ready").status_code == 200
    samples = again.samples()
    assert since(samples) == since(first_known)
    assert samples[SUCCESS] >= first_known[SUCCESS]
    assert samples[SUCCESS] < time.time() - 0.3
    assert samples[f'{PREFIX}offer_status{{offer_id="vm",publisher_id="contoso",status="running"}}'] == 1
    again.wait_for_sample(PUBLISHER_UP, 0)
    failed = again.samples()
    assert again.get("/-/healthy").status_code == 200
    assert failed[SUCCESS] == samples[SUCCESS]
    assert since(failed) == since(first_known)


def test_sigterm_during_a_refresh(simulator: StartSimulator, exporter: StartExporter, tmp_path: Path) -> None:
    """What was known before is written; the refresh that is cut off changes nothing."""
    api = simulator()
    api.put_offer("contoso", "vm", OFFER)
    state = tmp_path / "state.json"
    watched = exporter({"api": {"base_url": api.url}, "collection": {"state_file": str(state), "timeout": "1m"}})
    watched.wait_for_sample(UP, 1)
    api.control("POST", "faults", json={"kind": "hold"}).raise_for_status()
    wait_until(lambda: api.control("GET", "requests").json()["in_flight"], "a request that hangs")
    state.unlink(missing_ok=True)
    known = watched.samples()
    ended = threading.Thread(target=watched.wait)
    ended.start()
    watched.signal(signal.SIGTERM)
    ended.join(10)
    assert watched.exit_code == 0
    kept: dict[str, Any] = json.loads(gzip.decompress(state.read_bytes()).partition(b"\n")[2])
    (publisher,) = kept["publishers"]
    assert publisher["last_refresh"] == pytest.approx(known[REFRESH], abs=1.5)
    assert publisher["failure"] is None
    assert [one["failure"] for one in publisher["offers"]] == [None]
