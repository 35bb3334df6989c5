import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest
from structlog.testing import capture_logs

from exporter.domain.errors import ConfigError
from exporter.web.live_config import LiveConfig
from tests.certificates import Authority

HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
BAD = "the new web configuration is bad, the previous one stays in force"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Authority(tmp_path).issue("server")
    return tmp_path / "web.yml"


def write(file: Path, text: str) -> None:
    """Write so that even a coarse clock shows the change: a new inode."""
    new = file.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def settled(current: LiveConfig) -> list[bool]:
    """Look until nothing moves any more."""
    return [current.refresh() for _ in range(4)]


def test_without_a_file_there_is_nothing_to_watch() -> None:
    current = LiveConfig(None)
    assert current.tls is None
    assert current.config.basic_auth_users == {}
    assert settled(current) == [False] * 4
    asyncio.run(current.watch())


def test_a_change_is_taken_once_it_has_settled(file: Path) -> None:
    write(file, "rate_limit: {interval: 1s}")
    current = LiveConfig(file)
    assert settled(current) == [False] * 4
    for _ in range(3):
        write(file, "rate_limit: {interval: 2s}")
        assert not current.refresh()
    assert settled(current) == [True, False, False, False]
    assert current.config.rate_limit.interval == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "TLS cannot be switched on or off"),
        (f"basic_auth_users: {{alice: {HASH}}}", "TLS cannot be switched on or off"),
        (TLS, "basic_auth_users cannot be dropped"),
        ("nonsense: 1", "nonsense: unknown"),
        (TLS.replace("server.crt", "missing.crt"), "cannot read"),
        (None, "cannot read"),
    ],
)
def test_a_bad_change_is_told_once_and_changes_nothing(file: Path, text: str | None, told: str) -> None:
    good = TLS + f"basic_auth_users: {{alice: {HASH}}}"
    write(file, good)
    current = LiveConfig(file)
    before = current.config, current.tls
    file.unlink() if text is None else write(file, text)
    with capture_logs() as lines:
        assert settled(current) == [False] * 4
    assert (current.config, current.tls) == before
    ((event, problems),) = [(line["event"], line["problems"]) for line in lines]
    assert event == BAD
    assert told in problems
    assert HASH not in problems
    write(file, good)
    assert True in settled(current)


def test_a_certificate_that_comes_late_is_taken(file: Path) -> None:
    write(file, TLS)
    current = LiveConfig(file)
    write(file, TLS.replace("server.", "late."))
    assert True not in settled(current)
    Authority(file.parent).issue("late")
    assert True in settled(current)
    assert [one.name for one in current.config.tls_server_config.files()] == ["late.crt", "late.key"]


def test_a_certificate_that_could_not_be_read_once_is_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file changes after a disk or a network has failed for a moment, and the renewed certificate must not be lost."""
    write(file, TLS)
    current = LiveConfig(file)
    before = current.tls
    Authority(file.parent).issue("server")
    with monkeypatch.context() as patch, capture_logs() as lines:
        for handle in "aab":
            patch.setattr("exporter.web.live_config.server_context", failing(f"stale handle {handle}"))
            assert settled(current) == [False] * 4
    assert [line["problems"] for line in lines] == ["cert: stale handle a", "cert: stale handle b"], "only what is new"
    assert settled(current) == [True, False, False, False]
    assert current.tls not in {None, before}


def failing(reason: str) -> Callable[[object], None]:
    def fail(_: object) -> None:
        raise ConfigError([("cert", reason)])

    return fail


def test_a_costly_password_is_told(file: Path) -> None:
    hashes = {f"cost-{cost}": HASH.replace("$10$", f"${cost}$") for cost in (10, 12, 13, 15)}
    write(file, json.dumps({"basic_auth_users": hashes}))
    with capture_logs() as lines:
        LiveConfig(file)
    assert [(line["user"], line["bcrypt_cost"]) for line in lines] == [("cost-13", 13), ("cost-15", 15)]


def test_watches_every_second_even_when_something_breaks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise certificates would expire unseen."""
    write(file, "rate_limit: {interval: 1s}")
    current = LiveConfig(file)
    refresh = Mock(side_effect=[RuntimeError("broken"), False, asyncio.CancelledError()])
    sleep = AsyncMock()
    monkeypatch.setattr(current, "refresh", refresh)
    with capture_logs() as lines, pytest.raises(asyncio.CancelledError):
        asyncio.run(current.watch(sleep))
    assert [call.args for call in sleep.await_args_list] == [(1.0,)] * 3
    assert [line["log_level"] for line in lines] == ["error"]
