"""Where settings come from: flag, environment, file, default, in this order."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config.options import CommandLine, Option, help_text, load, options
from exporter.config.settings import ENV_PREFIX, Settings
from exporter.config.shards import Shard
from exporter.domain.errors import ConfigError

GOLDEN = Path(__file__).parent / "golden" / "help.txt"
OPTIONS = {option.name: option for option in options()}

# For each option a text that is not its default, and what becomes of it.
SAMPLES: dict[str, tuple[str, Any]] = {
    "api.base_url": ("http://127.0.0.1:1", "http://127.0.0.1:1"),
    "api.scope": ("api://x/.default", "api://x/.default"),
    "api.timeout": ("7s", 7.0),
    "api.max_concurrency": ("3", 3),
    "api.requests_per_second": ("2.5", 2.5),
    "api.max_retries": ("1", 1),
    "api.ca_file": ("/ca.pem", Path("/ca.pem")),
    "partner_center.base_url": ("http://127.0.0.1:2", "http://127.0.0.1:2"),
    "partner_center.scope": ("api://y/.default", "api://y/.default"),
    "partner_center.requests_per_second": ("1.5", 1.5),
    "product_ingestion.base_url": ("http://127.0.0.1:3", "http://127.0.0.1:3"),
    "product_ingestion.scope": ("api://z/.default", "api://z/.default"),
    "product_ingestion.requests_per_second": ("0.5", 0.5),
    "product_ingestion.version": ("2022-03-01-preview2", "2022-03-01-preview2"),
    "auth.token_file": ("/token", Path("/token")),
    "auth.client_id": ("c", "c"),
    "auth.authority": ("https://login.microsoftonline.us/", "https://login.microsoftonline.us"),
    "collection.mode": ("on_scrape", "on_scrape"),
    "collection.interval": ("2m", 120.0),
    "collection.terminal_interval": ("10m", 600.0),
    "collection.shard": ("1/3", Shard(1, 3)),
    "collection.timeout": ("90s", 90.0),
    "collection.stale_after": ("3h", 10800.0),
    "collection.state_file": ("/state", Path("/state")),
    "web.listen_address": ("127.0.0.1:1", ("127.0.0.1:1",)),
    "web.telemetry_path": ("/m", "/m"),
    "web.enable_lifecycle": ("true", True),
    "web.open_health": ("true", True),
    "web.systemd_socket": ("true", True),
    "web.config.file": ("/web.yaml", Path("/web.yaml")),
    "web.external_url": ("https://x.example.com/", "https://x.example.com"),
    "log.level": ("warning", "warning"),
    "log.format": ("json", "json"),
}
# Those that only make sense together.
TOGETHER = {
    "method": "client_secret",
    "tenant_id": "t",
    "client_id": "c",
    "client_secret_file": "/secret",
    "client_secret_expires_on": "2030-01-31",
}
CERTIFICATE = {"method": "client_certificate", "tenant_id": "t", "client_id": "c", "certificate_file": "/c.pem"}
WORKLOAD = {"method": "workload_identity", "federated_token_file": "/federated"}
Write = Callable[[Any], Path]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: Any) -> Path:
        path = tmp_path / "exporter.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
        return path

    return write_file


def value(settings: CommandLine, name: str) -> Any:
    return reduce(getattr, name.split("."), settings)


def nested(name: str, content: Any) -> dict[str, Any]:
    for key in reversed(name.split(".")):
        content = {key: content}
    return dict(content)


def problems(*arguments: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        load(arguments)
    return caught.value.problems


@pytest.mark.parametrize(("name", "sample"), SAMPLES.items(), ids=list(SAMPLES))
def test_each_setting_from_flag_environment_and_file(
    name: str, sample: tuple[str, Any], write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, expected = sample
    option = OPTIONS[name]
    default = value(load([]), name)
    assert default != expected
    if option.kind:
        assert value(load([f"{option.flag}={text}"]), name) == expected
        assert value(load([str(option.flag), text]), name) == expected
    else:
        assert value(load([str(option.flag)]), name) == expected
    assert value(load([f"--config.file={write(nested(name, text))}"]), name) == expected
    monkeypatch.setenv(option.variable, text)
    assert value(load([]), name) == expected


@pytest.mark.parametrize("given", [TOGETHER, CERTIFICATE, WORKLOAD], ids=lambda one: one["method"])
def test_settings_that_belong_together(given: dict[str, str], write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = [load([f"{OPTIONS['auth.' + key].flag}={text}" for key, text in given.items()])]
    settings.append(load([f"--config.file={write({'auth': given})}"]))
    for key, text in given.items():
        monkeypatch.setenv(OPTIONS["auth." + key].variable, text)
    settings.append(load([]))
    for one in settings:
        assert {key: str(getattr(one.auth, key)) for key in given} == given


def test_no_setting_is_left_out() -> None:
    together = {f"auth.{key}" for given in (TOGETHER, CERTIFICATE, WORKLOAD) for key in given}
    known = {name for name, option in OPTIONS.items() if option.in_file and not option.is_secret}
    assert set(SAMPLES) | together == known - {"publishers"}


def test_names_of_flag_and_variable() -> None:
    option = OPTIONS["web.listen_address"]
    assert option.flag == "--web.listen-address"
    assert option.variable == "MARKETPLACE_EXPORTER_WEB__LISTEN_ADDRESS"
    assert OPTIONS["config.file"].flag == "--config.file"


def test_flag_beats_environment_beats_file_beats_default(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting by setting: what one source says nothing of is taken from the next."""
    path = write({"collection": {"interval": "1m", "timeout": "10s", "stale_after": "20m"}, "log": {"level": "error"}})
    monkeypatch.setenv("MARKETPLACE_EXPORTER_COLLECTION__INTERVAL", "2m")
    monkeypatch.setenv("MARKETPLACE_EXPORTER_COLLECTION__TIMEOUT", "11s")
    settings = load([f"--config.file={path}", "--collection.interval=3m"])
    collection = settings.collection
    assert (collection.interval, collection.timeout, collection.stale_after) == (180.0, 11.0, 1200.0)
    assert (settings.log.level, settings.log.format) == ("error", "logfmt")
    assert settings.api == load([]).api


def test_the_file_may_be_named_by_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETPLACE_EXPORTER_CONFIG__FILE", str(write({"publishers": ["contoso"]})))
    assert [one.id for one in load([]).publishers] == ["contoso"]


def test_variables_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETPLACE_EXPORTER_log__level", "error")
    assert load([]).log.level == "error"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--publishers", "contoso", "--publishers", "fabrikam/vm"],
        ["--publishers=contoso,fabrikam/vm"],
    ],
)
def test_lists_by_flag(arguments: list[str]) -> None:
    assert [(one.id, one.offers) for one in load(arguments).publishers] == [("contoso", ()), ("fabrikam", ("vm",))]


def test_lists_by_environment_and_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list replaces the one of lower precedence, it does not grow."""
    path = write({"publishers": ["a", {"id": "b", "offers": ["x"]}], "web": {"listen_address": [":1", ":2"]}})
    settings = load([f"--config.file={path}"])
    assert [(one.id, one.offers) for one in settings.publishers] == [("a", ()), ("b", ("x",))]
    assert settings.web.listen_address == (":1", ":2")
    monkeypatch.setenv("MARKETPLACE_EXPORTER_PUBLISHERS", "c")
    monkeypatch.setenv("MARKETPLACE_EXPORTER_WEB__LISTEN_ADDRESS", ":3,:4")
    settings = load([f"--config.file={path}", "--web.listen-address=:5", "--web.listen-address=:6"])
    assert [one.id for one in settings.publishers] == ["c"]
    assert settings.web.listen_address == (":5", ":6")


@pytest.mark.parametrize("action", ["once", "demo", "healthcheck"])
def test_actions(action: str) -> None:
    assert getattr(load([f"--{action}"]), action) is True
    assert getattr(load([]), action) is False


@pytest.mark.parametrize("content", ["", "# only a comment\n", "publishers: [contoso]\n"])
def test_good_files(content: str, write: Write) -> None:
    assert load([f"--config.file={write(content)}"]).log.level == "info"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"publisher": []}, [("publisher", "unknown; did you mean publishers?")]),
        ({"wep": {}}, [("wep", "unknown; did you mean web?")]),
        (
            {"zzz": 1, "demo": True},
            [
                ("demo", "unknown; azure-marketplace-exporter --help lists what there is"),
                ("zzz", "unknown; azure-marketplace-exporter --help lists what there is"),
            ],
        ),
        ({"config": {"file": "x"}}, [("config", "unknown; azure-marketplace-exporter --help lists what there is")]),
        ({"log": {"levle": "info"}}, [("log.levle", "unknown; did you mean log.level?")]),
        (
            {"publishers": [{"id": "a", "offer": ["x"]}]},
            [("publishers[0].offer", "unknown; azure-marketplace-exporter --help lists what there is")],
        ),
        (
            {"publishers": [{"id": "a"}, {"id": "b/c"}]},
            [("publishers[1].id", "'b/c' is no id; ids are not empty and hold no slash")],
        ),
        ({"log": "debug"}, [("log", "holds no mapping of settings")]),
        ("publishers: [a", [("config.file", "{path} is not YAML: expected ',' or ']', but got '<stream end>' at ")]),
        (
            "log:\n\tlevel: info",
            [
                (
                    "config.file",
                    "{path} is not YAML: found character '\\t' that cannot start any token at line 2, column 1",
                )
            ],
        ),
        ({1: 2}, [("1", "unknown; azure-marketplace-exporter --help lists what there is")]),
        (
            {"api": {"timeout": 30}},
            [
                ("api.timeout", "30 is no duration; write a number and a unit, such as 30s, 5m or 1h30m"),
            ],
        ),
        ("- a\n- b\n", [("config.file", "{path} holds no mapping at its top level")]),
        ("a: b: c\n", [("config.file", "{path} is not YAML: mapping values are not allowed here at line 1, column 5")]),
        ("x: \x00", [("config.file", "{path} is not YAML: ")]),
    ],
    ids=lambda one: repr(one)[:40],
)
def test_bad_files(content: Any, expected: list[tuple[str, str]], write: Write) -> None:
    path = write(content)
    found = problems(f"--config.file={path}")
    assert [where for where, _ in found] == [where for where, _ in expected]
    for (_, what), (_, start) in zip(found, expected, strict=True):
        assert what.startswith(start.format(path=path)) if start.endswith(" ") else what == start.format(path=path)


@pytest.mark.parametrize(
    "content",
    [
        'auth:\n  token: "sesame\npublishers: [a]\n',
        "auth:\n  token: *sesame\n",
        "auth:\n  token: !sesame x\n",
        "auth:\n  token: !x'sesame'y z\n",
        "auth:\n  token: 'sesame\n",
        "auth: {token: sesame, token_file: [}\n",
        "auth:\n\ttoken: sesame\n",
        "auth:\n  token: [sesame, 1]\n",
        "auth: sesame\n",
    ],
)
def test_no_message_quotes_the_file(content: str, write: Write) -> None:
    (where, what), *rest = problems(f"--config.file={write(content)}")
    assert where
    assert "sesame" not in what
    assert not rest


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert problems("--config.file=/no/such") == [("config.file", "cannot read /no/such: No such file or directory")]
    assert problems(f"--config.file={tmp_path}") == [("config.file", f"cannot read {tmp_path}: Is a directory")]
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    ((where, what),) = problems(f"--config.file={binary}")
    assert where == "config.file"
    assert what.startswith(f"{binary} is not YAML: ")


def test_all_wrong_values_are_told_at_once(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown names do not hide wrong values."""
    path = write({"publisers": [], "publishers": ["a/b/c"], "web": {"telemetry_path": "x", "tls": True}})
    monkeypatch.setenv("MARKETPLACE_EXPORTER_LOG__LEVEL", "loud")
    monkeypatch.setenv("MARKETPLACE_EXPORTER_WEB__LISTEN_ADRESS", ":1")
    found = problems(
        f"--config.file={path}", "--no-such", "thing", "--nor=this", "--api.timeout=soon", "--collection.interval=-1s"
    )
    assert len(found) == 10
    assert {where for where, _ in found} == {
        "--no-such",
        "--nor",
        "MARKETPLACE_EXPORTER_WEB__LISTEN_ADRESS",
        "publisers",
        "publishers[0].offers[0]",
        "web.telemetry_path",
        "web.tls",
        "log.level",
        "api.timeout",
        "collection.interval",
    }


def test_unknown_names_hide_no_bad_file_or_command_line(tmp_path: Path) -> None:
    assert problems("--no-such", "--config.file=/no/such") == [
        ("--no-such", "unknown; azure-marketplace-exporter --help lists what there is"),
        ("config.file", "cannot read /no/such: No such file or directory"),
    ]
    assert [where for where, _ in problems("--no-such", f"--config.file={tmp_path}", "--log.level")] == ["--no-such"]


def test_all_unknown_flags_and_variables_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETPLACE_EXPORTER_WEB__LISTEN_ADRESS", ":1")
    found = problems("--wep.telemetry-path=/m", "--no-such-thing-at-all", "--log.level=debug")
    assert found == [
        ("--wep.telemetry-path", "unknown; did you mean --web.telemetry-path?"),
        ("--no-such-thing-at-all", "unknown; azure-marketplace-exporter --help lists what there is"),
        (
            "MARKETPLACE_EXPORTER_WEB__LISTEN_ADRESS",
            "unknown; did you mean MARKETPLACE_EXPORTER_WEB__LISTEN_ADDRESS?",
        ),
    ]


@pytest.mark.parametrize(
    "arguments", [["contoso"], ["-x"], ["--log.level"], ["--demo=maybe"], ["--api.timeout", "--once"]]
)
def test_bad_command_lines(arguments: list[str]) -> None:
    ((where, what),) = problems(*arguments)
    assert where
    assert what


@pytest.mark.parametrize(
    "name",
    [
        "SERVICE_HOST",
        "SERVICE_PORT",
        "SERVICE_PORT_HTTP",
        "PORT",
        "PORT_10142_TCP",
        "PORT_10142_TCP_ADDR",
    ],
)
def test_variables_of_a_kubernetes_service_of_our_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_PREFIX + name, "10.0.0.1")
    load([])


SECRETS = [option for option in OPTIONS.values() if option.is_secret]


@pytest.mark.parametrize("option", SECRETS, ids=lambda one: one.name)
@pytest.mark.parametrize("glue", ["=", None])
def test_no_secret_by_flag(option: Option, glue: str | None) -> None:
    """Command lines are visible to every user of the host; the message shows the way and not the secret."""
    flag = "--" + option.name.replace("_", "-")
    ((where, what),) = problems(*([f"{flag}{glue}sesame"] if glue else [flag, "sesame"]))
    assert where == flag
    assert what == f"a secret on the command line is visible to all; use {option.variable} or {flag}-file"
    assert option.flag is None
    assert flag + "-file" in {one.flag for one in OPTIONS.values()}


def test_secrets_by_environment_and_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write({"auth": {"token": "sesame"}})
    assert load([f"--config.file={path}"]).auth.token is not None
    monkeypatch.setenv("MARKETPLACE_EXPORTER_AUTH__TOKEN", "open")
    token = load([f"--config.file={path}"]).auth.token
    assert token is not None
    assert token.get_secret_value() == "open"


def test_help() -> None:
    """Set UPDATE_GOLDEN to write the file anew, and read the difference."""
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(help_text(), encoding="utf-8")
    assert help_text() == GOLDEN.read_text(encoding="utf-8")


def test_help_reads_well() -> None:
    text = help_text()
    for strange in ("{str", "null", "JSON", "typing", "None", "PydanticUndefined", "SecretStr"):
        assert strange not in text
    for option in OPTIONS.values():
        assert option.description.endswith("."), option.name
        assert f"  {option.flag or option.name}" in text or option.is_secret
    assert max(len(line) for line in text.splitlines()) <= 130


def test_options_know_their_place() -> None:
    in_file = {name.partition(".")[0] for name, option in OPTIONS.items() if option.in_file}
    assert in_file == set(Settings.model_fields)
    assert {name for name, option in OPTIONS.items() if not option.in_file} == {
        "config.file",
        "config.check",
        "once",
        "healthcheck",
        "demo",
        "version",
    }
