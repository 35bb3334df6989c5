"""The state file; what happens to it when a process is killed is in the integration tests."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from structlog.testing import capture_logs

from exporter.collection.record import Duration, Past, PastPublication, Pool, UnderWay
from exporter.collection.snapshot import Failure, Outlook, PublisherRecord, Since, Snapshot, SourceRecord, Usual
from exporter.collection.state import FORMAT, MAX_SIZE, VERSION, StateFile, check
from exporter.config.selection import Selection
from exporter.config.shards import Shard
from exporter.domain.errors import ConfigError, StateFileError
from exporter.domain.offers import Level, Offer, OfferStatus
from tests.unit.make import NOW, failure, message, offer, record, snapshot, step

PAST = replace(
    Past()
    .with_duration("cloud_partner", 'a"', Duration(9, 5, is_told=True))
    .with_end(PastPublication(None, 9, OfferStatus.FAILED, 2, is_told=False)),
    under_way=UnderWay("cloud_partner", None, {"a": NOW, "b": None}, ("a",)),
)
WHOLE = snapshot(
    record(
        offer(
            "vm",
            version=2**60,
            changed=NOW,
            display_name='"é"\n',
            steps=(step(progress=0.1, messages=(message(Level.ERROR, NOW),)), step("live")),
        ),
        listed=offer("vm"),
        asked=NOW,
        past=PAST,
        outlook=Outlook((NOW, NOW + 1), {"a": Usual(1.0, 2.0, "offer")}),
    ),
    record(offer("other"), success=None, failure=failure()),
    failure=Failure("upstream", "it was down"),
    sources=(SourceRecord("cloud_partner", ("vm",), 5.0, is_complete=True), SourceRecord("partner_center")),
    selection=Selection(("vm",), ("cloud_partner", "partner_center"), Shard(1, 3)),
    pools=(Pool("cloud_partner", "vm", 'a"', "1:1 2:2~"),),
)
LAST = PublisherRecord('"},', None), PublisherRecord("fabrikam", None, (record(), record(offer("b"))))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.fixture
def state(path: Path) -> Iterator[StateFile]:
    state = StateFile(path)
    yield state
    state.close()


@pytest.mark.parametrize("shown", [Snapshot(), Snapshot((LAST[0],)), Snapshot((*WHOLE.publishers, *LAST))])
def test_all_that_is_known_comes_back(path: Path, state: StateFile, shown: Snapshot) -> None:
    """It is written offer by offer, must hold what one call for all would write, and is its owner's alone."""
    assert state.load() == Snapshot()
    state.save(shown)
    assert state.load() == shown
    head, _, body = gzip.decompress(path.read_bytes()).partition(b"\n")
    assert json.loads(head) == {"format": FORMAT, "version": VERSION}
    assert json.loads(body) == json.loads(TypeAdapter(Snapshot).dump_json(shown))
    modes = {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
    assert modes == {"state.json": 0o600, "state.json.lock": 0o600}


def test_a_file_of_version_1_is_read(path: Path, state: StateFile) -> None:
    """It was plain text, knew of lists only how long they were, and has none of what was added since."""
    told = {"publisher_id": "contoso", "offer_id": "vm", "status": "running", "source": "cloud_partner"}
    times = {"status": 1.0, "waiting_on": 2.0, "steps": {"certify": 3.0}}
    known = {"publisher_id": "contoso", "offer_id": "vm", "offer": told, "since": times, "last_success": 4.0}
    source = {"source": "cloud_partner", "listed": 1, "last_success": 5.0}
    body = {"publisher_id": "contoso", "interval": 300.0, "offers": [known], "listed": 1, "sources": [source]}
    head = {"format": FORMAT, "version": 1}
    path.write_text(f"{json.dumps(head)}\n{json.dumps({'publishers': [body]})}\n", encoding="utf-8")
    (publisher,) = state.load().publishers
    (old,) = publisher.offers
    assert (old.offer, old.since, old.last_success) == (
        Offer("contoso", "vm", OfferStatus.RUNNING, "cloud_partner"),
        Since(1.0, 2.0, {"certify": 3.0}),
        4.0,
    )
    assert publisher.sources == (SourceRecord("cloud_partner", None, 5.0),)


@pytest.mark.parametrize("is_known", [True, False])
def test_one_process_at_a_time(path: Path, state: StateFile, is_known: bool) -> None:
    """Unknown is another program, or one that was just about to write its number."""
    if not is_known:
        path.with_name("state.json.lock").write_text("", encoding="utf-8")
    with pytest.raises(StateFileError) as error:
        StateFile(path)
    assert str(error.value) == (
        f"collection.state_file: {path} is in use by process {os.getpid() if is_known else 'unknown'}; give each exporter a file of its own"
    )
    state.close()
    StateFile(path).close()


FOREIGN = "it is not a state file of this exporter"


def packed(text: str) -> bytes:
    return gzip.compress(text.replace("FORMAT", FORMAT).encode(), mtime=0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", FOREIGN),
        (b"\xff\xfe", FOREIGN),
        (b'{"some": "json"}\n', FOREIGN),
        (packed("{}"), FOREIGN),
        (packed("[" * 100_000), FOREIGN),
        (packed('{"format": "another", "version": 2}\n{}'), FOREIGN),
        (packed('{"format": "FORMAT"}\n{}'), "its version is None, this exporter writes 2"),
        (packed('{"format": "FORMAT", "version": 3}\n{}'), "its version is 3, this exporter writes 2"),
        (packed('{"format": "FORMAT", "version": 2}\n{"publ'), "it is damaged: Invalid JSON: EOF"),
        (packed('{"format": "FORMAT", "version": 2}\n{"publishers": [7]}'), "it is damaged: "),
        (b"\x1f\x8bmere garbage", "it is damaged: Unknown compression method"),
        (packed("{}")[:-9], "it is damaged: Compressed file ended before"),
        (packed("{}")[:-8] + bytes(8), "it is damaged: CRC check failed"),
        (b"\x1f\x8b\x08" + bytes(7) + b"\xff", "it is damaged: Error -3 while decompressing data"),
        (packed(" " * 1000 + '{"format": "FORMAT", "version": 2}\n{"publishers": []}'), FOREIGN),
    ],
)
def test_what_cannot_be_used_is_set_aside(path: Path, state: StateFile, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    with capture_logs() as logs:
        assert state.load() == Snapshot()
    (aside,) = path.parent.glob("state.json.unusable-*")
    assert aside.read_bytes() == content
    assert not path.exists()
    (line,) = logs
    assert line.pop("reason").startswith(reason)
    assert line == {
        "log_level": "warning",
        "event": "state file set aside, starting without it",
        "file": str(aside),
    }


def test_what_a_small_file_inflates_to_is_bounded(
    path: Path, state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a file would be read, were all of it taken in."""
    monkeypatch.setattr("exporter.collection.state.MAX_SIZE", 1000)
    path.write_bytes(packed('{"format": "FORMAT", "version": 2}\n{"publishers": []' + " " * 1000 + "}"))
    with capture_logs() as logs:
        assert state.load() == Snapshot()
    assert [line["reason"] for line in logs] == [
        "it is damaged: Invalid JSON: EOF while parsing an object at line 1 column 1000"
    ]


def test_what_cannot_be_set_aside_is_for_a_person(
    path: Path, state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single file that is mounted cannot be renamed."""

    def busy(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    path.write_bytes(b"garbage")
    monkeypatch.setattr(Path, "rename", busy)
    with pytest.raises(
        StateFileError, match=r"cannot be used, it is not a state .*, nor set aside: Device or resource"
    ):
        state.load()


def too_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_SIZE + 1)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (Path.mkdir, "is no regular file"),
        (os.mkfifo, "is no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "is no regular file"),
        (too_large, f"is larger than {MAX_SIZE} bytes; move it away"),
        (lambda path: path.symlink_to(path), "cannot read .*: Too many levels of symbolic links"),
    ],
)
def test_what_is_no_file_or_too_large_is_refused(
    path: Path, state: StateFile, make: Callable[[Path], None], complaint: str
) -> None:
    """Before the start, too: a pipe or a device would never end."""
    make(path)
    with pytest.raises(StateFileError, match=complaint):
        state.load()
    with pytest.raises(ConfigError, match=rf"collection\.state_file: .*{complaint}"):
        check(path)


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StateFileError, match=r"cannot write .*: No such file"):
        StateFile(tmp_path / "nowhere" / "state")
    with pytest.raises(ConfigError, match=r"collection\.state_file: cannot keep .*: No such file"):
        check(tmp_path / "nowhere" / "state")
    check(tmp_path / "state")
    check(None)


def test_failing_writes_are_told_once(path: Path, state: StateFile) -> None:
    """And again when it worked in between."""
    fresh = path.with_name("state.json.new")
    with capture_logs() as logs:
        for can_be_written in (False, False, True, False):
            fresh.rmdir() if can_be_written else fresh.mkdir(exist_ok=True)
            state.save(WHOLE)
    assert [(line["log_level"], line["event"], line["error"]) for line in logs] == [
        ("error", "state file not written", "Is a directory")
    ] * 2
    assert state.load() == WHOLE


def test_what_is_half_written_does_not_stay(path: Path, state: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    state.save(WHOLE)
    assert [one.name for one in path.parent.iterdir()] == [path.name + ".lock"]


def test_a_folder_that_cannot_be_synced(path: Path, state: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Callable[..., int] = os.open

    def refuse(name: object, *arguments: int, **options: int) -> int:
        if name == path.parent:
            raise OSError(22, "Invalid argument")
        return opened(name, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    state.save(WHOLE)
    assert state.load() == WHOLE
