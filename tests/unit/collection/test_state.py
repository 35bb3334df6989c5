"""The state file; what happens to it when a process is killed is in the integration tests."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from structlog.testing import capture_logs

from exporter.collection.record import Duration, Past, PastPublication, Pool, UnderWay
from exporter.collection.snapshot import Failure, Outlook, PublisherRecord, Snapshot, Usual
from exporter.collection.state import FORMAT, MAX_SIZE, VERSION, NoState, StateFile, check
from exporter.domain.errors import ConfigError, StateFileError
from exporter.domain.offers import Level, OfferStatus
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
    pools=(Pool("cloud_partner", "vm", 'a"', "1:1 2:2~"),),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def test_round_trip(path: Path) -> None:
    """All that is known comes back as it was; nothing else is left in the folder."""
    state = StateFile(path)
    assert state.load() == Snapshot()
    state.save(WHOLE)
    assert state.load() == WHOLE
    state.close()
    assert sorted(one.name for one in path.parent.iterdir()) == ["state.json", "state.json.lock"]
    assert json.loads(gzip.decompress(path.read_bytes()).partition(b"\n")[0]) == {"format": FORMAT, "version": VERSION}


@pytest.mark.parametrize(
    "shown",
    [
        Snapshot(),
        Snapshot((PublisherRecord("contoso", None),)),
        Snapshot(
            (
                *WHOLE.publishers,
                PublisherRecord('"},', 300.0),
                PublisherRecord("fabrikam", None, (record(), record(offer("b")))),
            )
        ),
    ],
)
def test_the_pieces_make_the_whole(path: Path, shown: Snapshot) -> None:
    """It is written offer by offer, and must hold what one call for all would write."""
    state = StateFile(path)
    state.save(shown)
    body = gzip.decompress(path.read_bytes()).partition(b"\n")[2]
    assert json.loads(body) == json.loads(TypeAdapter(Snapshot).dump_json(shown))
    assert state.load() == shown
    state.close()


def test_one_process_at_a_time(path: Path) -> None:
    state = StateFile(path)
    with pytest.raises(StateFileError) as error:
        StateFile(path)
    assert str(error.value) == (
        f"collection.state_file: {path} is in use by process {os.getpid()}; give each exporter a file of its own"
    )
    state.close()
    again = StateFile(path)
    again.close()


def test_a_holder_that_tells_no_name(path: Path) -> None:
    """Another program has it, or it was just about to write its number."""
    state = StateFile(path)
    path.with_name("state.json.lock").write_text("", encoding="utf-8")
    with pytest.raises(StateFileError, match="in use by process unknown"):
        StateFile(path)
    state.close()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not a state file of this exporter"),
        (b"\xff\xfe", "it is not a state file of this exporter"),
        (b"[" * 100_000, "it is not a state file of this exporter"),
        (b'{"format": "another", "version": 1}\n{}', "it is not a state file of this exporter"),
        (b'{"format": "%s"}\n{}' % FORMAT.encode(), "its version is None, this exporter writes 2"),
        (b'{"format": "%s", "version": 3}\n{}' % FORMAT.encode(), "its version is 3, this exporter writes 2"),
        (b'{"format": "%s", "version": 1}\n{"publ' % FORMAT.encode(), "it is damaged: Invalid JSON: EOF"),
        (b'{"format": "%s", "version": 1}\n{"publishers": [7]}' % FORMAT.encode(), "it is damaged: "),
        (b"\x1f\x8bgarbage", "it is damaged: Error -3 while decompressing data"),
        (gzip.compress(b"{}", mtime=0)[:-9], "it is damaged: it has no end"),
        (gzip.compress(b"{}", mtime=0), "it is not a state file of this exporter"),
    ],
)
def test_unusable(path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    state = StateFile(path)
    with capture_logs() as logs:
        assert state.load() == Snapshot()
    state.close()
    (aside,) = path.parent.glob("state.json.unusable-*")
    assert aside.read_bytes() == content
    assert not path.exists()
    (line,) = logs
    assert (line["log_level"], line["event"], line["file"]) == (
        "warning",
        "state file set aside, starting without it",
        str(aside),
    )
    assert line["reason"].startswith(reason)


def test_unusable_and_immovable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single file that is mounted cannot be renamed: then a person has to look."""
    path.write_bytes(b"garbage")
    state = StateFile(path)

    def busy(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "rename", busy)
    with pytest.raises(
        StateFileError, match=r"cannot be used, it is not a state .*, nor set aside: Device or resource"
    ):
        state.load()
    state.close()


@pytest.mark.parametrize("what", ["folder", "nowhere"])
def test_unreadable(path: Path, what: str) -> None:
    if what == "folder":
        path.mkdir()
        state = StateFile(path)
        with pytest.raises(StateFileError, match="is no regular file"):
            state.load()
        state.close()
    else:
        with pytest.raises(StateFileError, match=r"cannot write .*: No such file"):
            StateFile(path / "deep")


def test_failing_writes_are_told_once(path: Path) -> None:
    """And again when it worked in between."""
    state = StateFile(path)
    fresh = path.with_name("state.json.new")
    with capture_logs() as logs:
        fresh.mkdir()
        state.save(WHOLE)
        state.save(WHOLE)
        fresh.rmdir()
        state.save(WHOLE)
        fresh.mkdir()
        state.save(WHOLE)
    assert [(line["log_level"], line["event"], line["error"]) for line in logs] == [
        ("error", "state file not written", "Is a directory")
    ] * 2
    assert state.load() == WHOLE
    state.close()


def test_folder_that_cannot_be_synced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = StateFile(path)
    opened: Callable[..., int] = os.open

    def refuse(name: object, *arguments: int, **options: int) -> int:
        if name == path.parent:
            raise OSError(22, "Invalid argument")
        return opened(name, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    state.save(WHOLE)
    assert state.load() == WHOLE
    state.close()


def test_two_that_save_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the process may save while a refresh still does: one after the other, and nothing once it is closed."""
    state = StateFile(path)
    inside, go_on = threading.Event(), threading.Event()
    overlaps: list[int] = []
    active: list[int] = []
    sync = os.fsync

    def slow(descriptor: int) -> None:
        overlaps.append(len(active))
        active.append(1)
        inside.set()
        go_on.wait(10)
        sync(descriptor)
        active.pop()

    monkeypatch.setattr("exporter.collection.state._sync_folder", lambda _: None)
    monkeypatch.setattr(os, "fsync", slow)
    threads = [
        threading.Thread(target=state.save, args=(WHOLE,)),
        threading.Thread(target=state.save, args=(Snapshot(),)),
    ]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    closing = threading.Thread(target=state.close)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert overlaps == [0, 0]
    closing.start()
    closing.join(10)
    before = path.read_bytes()
    state.save(WHOLE)
    assert path.read_bytes() == before


def test_keeping_nothing() -> None:
    state = NoState()
    state.save(WHOLE)
    assert state.load() == Snapshot()
    state.close()


def test_only_its_owner_may_read_it(path: Path) -> None:
    state = StateFile(path)
    state.save(WHOLE)
    state.close()
    assert {one.stat().st_mode & 0o777 for one in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_would_never_end_is_refused(path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    state = StateFile(path)
    with pytest.raises(StateFileError, match="is no regular file"):
        state.load()
    state.close()


def test_what_is_too_large_is_refused(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_SIZE + 1)
    with pytest.raises(ConfigError, match=r"collection\.state_file: .* is larger than"):
        check(path)


def test_check(tmp_path: Path) -> None:
    check(tmp_path / "state")
    with pytest.raises(ConfigError, match=r"collection\.state_file: cannot keep .*: No such file"):
        check(tmp_path / "nowhere" / "state")
