"""Where settings come from: flag, environment, file, default, in this order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config.options import CommandLine, help_text, options, reachable
from exporter.config.options import load as load_with
from exporter.config.settings import ENV_PREFIX, PublisherSettings
from exporter.config.shards import Shard
from exporter.domain.errors import ConfigError
from exporter.sources.registry import SOURCES

GOLDEN = Path(__file__).parent / "golden" / "help.txt"
OPTIONS = {option.name: option for option in options(SOURCES)}

# For each option a text that is not its default, and what becomes of it.
SAMPLES: dict[str, tuple[str, Any]] = {
    "api.base_url": ("http://127.0.0.1:1", "http://127.0.0.1:1"),
    "api.scope": ("api://x/.default", "api://x/.default"),
    "api.timeout": ("7s", 7.0),
    "api.max_concurrency": ("3", 3),
    "api.requests_per_second": ("2.5", 2.5),
    "api.max_retries": ("1", 1),
    "api.allow_insecure": ("true", True),
    "api.ca_file": ("/ca.pem", Path("/ca.pem")),
    "partner_center.base_url": ("http://127.0.0.1:2", "http://127.0.0.1:2"),
    "partner_center.scope": ("api://y/.default", "api://y/.default"),
    "partner_center.requests_per_second": ("1.5", 1.5),
    "product_ingestion.base_url": ("http://127.0.0.1:3", "http://127.0.0.1:3"),
    "product_ingestion.scope": ("api://z/.default", "api://z/.default"),
    "product_ingestion.requests_per_second": ("0.5", 0.5),
    "product_ingestion.version": ("2022-03-01-preview2", "2022-03-01-preview2"),
    "auth.token_file": ("/token", Path("/token")),
    "auth.client_id": ("None", "None"),
    "auth.authority": ("https://login.microsoftonline.us/", "https://login.microsoftonline.us"),
    "collection.mode": ("on_scrape", "on_scrape"),
    "collection.interval": ("2m", 120.0),
    "collection.terminal_interval": ("10m", 600.0),
    "collection.shard": ("1/3", Shard(1, 3)),
    "collection.timeout": ("90s", 90.0),
    "collection.stale_after": ("3h", 10800.0),
    "collection.message_text": ("false", False),
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
APP = {"auth.tenant_id": ("t", "t"), "auth.client_id": ("c", "c")}
TOGETHER = APP | {
    "auth.method": ("client_secret", "client_secret"),
    "auth.client_secret_file": ("/secret", Path("/secret")),
    "auth.client_secret_expires_on": ("2030-01-31", date(2030, 1, 31)),
}
CERTIFICATE = APP | {
    "auth.method": ("client_certificate", "client_certificate"),
    "auth.certificate_file": ("/c.pem", Path("/c.pem")),
}
WORKLOAD = {
    "auth.method": ("workload_identity", "workload_identity"),
    "auth.federated_token_file": ("/federated", Path("/federated")),
}
Write = Callable[[Any], Path]


def load(*arguments: str, environ: Mapping[str, str] | None = None) -> CommandLine:
    return load_with(arguments, environ or {}, sources=SOURCES)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: Any) -> Path:
        path = tmp_path / "exporter.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
        return path

    return write_file


def as_flag(name: str, text: str) -> str:
    option = OPTIONS[name]
    return f"{option.flag}={text}" if option.kind else str(option.flag)


def as_file(texts: Mapping[str, str]) -> dict[str, Any]:
    """The content of a file in which every value is a text."""
    content: dict[str, Any] = {}
    for name, text in texts.items():
        *sections, key = name.split(".")
        reduce(lambda part, section: part.setdefault(section, {}), sections, content)[key] = text
    return content


@pytest.mark.parametrize(
    "given", [SAMPLES, TOGETHER, CERTIFICATE, WORKLOAD], ids=["each", "secret", "certificate", "workload"]
)
def test_settings_from_flags_environment_and_file(given: Mapping[str, tuple[str, Any]], write: Write) -> None:
    texts, expected = ({name: one[place] for name, one in given.items()} for place in (0, 1))
    words = [word for name, text in texts.items() for word in as_flag(name, text).split("=", 1)]
    ways = {
        "default": load(),
        "flags": load(*(as_flag(name, text) for name, text in texts.items())),
        "words": load(*words),
        "environment": load(environ={OPTIONS[name].variable: text for name, text in texts.items()}),
        "file": load(f"--config.file={write(as_file(texts))}"),
    }
    found = {way: {name: reduce(getattr, name.split("."), one) for name in given} for way, one in ways.items()}
    default = found.pop("default")
    assert found == dict.fromkeys(found, expected)
    assert [name for name in given if default[name] == expected[name]] == []


def test_no_setting_is_left_out() -> None:
    known = {name for name, option in OPTIONS.items() if option.in_file and not option.is_secret}
    assert {*SAMPLES, *TOGETHER, *CERTIFICATE, *WORKLOAD} == known - {"publishers", "credentials.NAME.KEY"}
    actions = {"config.file", "config.check", "once", "healthcheck", "demo", "version"}
    assert {name for name, option in OPTIONS.items() if not option.in_file} == actions


def test_flag_beats_environment_beats_file_beats_default(write: Write) -> None:
    """Setting by setting: what one says nothing of is taken from the next."""
    path = write({"collection": {"interval": "1m", "timeout": "10s", "stale_after": "20m"}, "log": {"level": "error"}})
    environ = {
        "MARKETPLACE_EXPORTER_COLLECTION__INTERVAL": "2m",
        "MARKETPLACE_EXPORTER_COLLECTION__TIMEOUT": "11s",
        "MARKETPLACE_EXPORTER_LOG__FORMAT": "",
    }
    settings = load(f"--config.file={path}", "--collection.interval=3m", environ=environ)
    collection = settings.collection
    assert (collection.interval, collection.timeout, collection.stale_after) == (180.0, 11.0, 1200.0)
    assert (settings.log.level, settings.log.format) == ("error", "logfmt")
    assert settings.api == load().api


def test_the_file_may_be_named_by_the_environment_and_variables_are_in_any_case(write: Write) -> None:
    environ = {"MARKETPLACE_EXPORTER_config__FILE": str(write({"publishers": ["contoso"]}))}
    assert [one.id for one in load(environ=environ).publishers] == ["contoso"]


@pytest.mark.parametrize(
    "arguments", [["--publishers", "contoso", "--publishers", "fabrikam/vm"], ["--publishers=contoso,fabrikam/vm"]]
)
def test_lists_by_flag(arguments: list[str]) -> None:
    assert [(one.id, one.offers) for one in load(*arguments).publishers] == [("contoso", ()), ("fabrikam", ("vm",))]


def test_a_list_replaces_the_one_of_lower_precedence(write: Write) -> None:
    path = write({"publishers": ["a", {"id": "b", "offers": ["x"]}], "web": {"listen_address": [":1", ":2"]}})
    settings = load(f"--config.file={path}")
    assert [(one.id, one.offers) for one in settings.publishers] == [("a", ()), ("b", ("x",))]
    assert settings.web.listen_address == (":1", ":2")
    environ = {"MARKETPLACE_EXPORTER_PUBLISHERS": "c", "MARKETPLACE_EXPORTER_WEB__LISTEN_ADDRESS": ":3,:4"}
    settings = load(f"--config.file={path}", "--web.listen-address=:5", "--web.listen-address=:6", environ=environ)
    assert [one.id for one in settings.publishers] == ["c"]
    assert settings.web.listen_address == (":5", ":6")


def test_relative_paths_are_relative_to_what_names_them(write: Write) -> None:
    path = write(
        {"auth": {"token_file": "secrets/token"}, "api": {"ca_file": "/ca.pem"}, "web": {"config": {"file": "w"}}}
    )
    environ = {"MARKETPLACE_EXPORTER_COLLECTION__STATE_FILE": "state"}
    settings = load(f"--config.file={path}", "--web.config.file=here.yaml", environ=environ)
    assert settings.auth.token_file == path.parent / "secrets/token"
    assert settings.api.ca_file == Path("/ca.pem")
    assert (settings.collection.state_file, settings.web.config.file) == (Path("state"), Path("here.yaml"))
    assert load(f"--config.file={path}").web.config.file == path.parent / "w"


def test_a_path_in_a_mapping_with_two_names_is_relative_once(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("auth: &same {method: token, token_file: token}\ncredentials: {other: *same}\n")
    monkeypatch.chdir(path.parent.parent)
    settings = load(f"--config.file={path.relative_to(path.parent.parent)}")
    assert settings.auth.token_file == settings.credentials["other"].token_file == Path(path.parent.name) / "token"


@pytest.mark.parametrize("content", ["", "# only a comment\n", "publishers: [contoso]\n", "\ufefflog: {level: info}\n"])
def test_good_files(content: str, write: Write) -> None:
    assert load(f"--config.file={write(content)}").log.level == "info"


def test_variables_of_a_kubernetes_service_of_our_name() -> None:
    names = "SERVICE_HOST SERVICE_PORT SERVICE_PORT_HTTP PORT PORT_10142_TCP PORT_10142_TCP_ADDR"
    load(environ={ENV_PREFIX + name: "10.0.0.1" for name in names.split()})


def test_secrets_by_environment_and_file(write: Write) -> None:
    path = f"--config.file={write({'auth': {'token': 'sesame'}})}"
    assert load(path).secrets() == ("sesame",)
    assert load(path, environ={"MARKETPLACE_EXPORTER_AUTH__TOKEN": "open"}).secrets() == ("open",)
    secrets = [option for option in OPTIONS.values() if option.is_secret]
    assert [one.flag for one in secrets] == [None, None]
    assert {one.as_flag + "-file" for one in secrets} <= {one.flag for one in OPTIONS.values()}


def test_credentials_by_environment_and_file(write: Write) -> None:
    """The digits of a secret are text, and what one way says of a credential is completed by the other."""
    acme = {"method": "client_secret", "tenant_id": "t", "client_id": "c", "client_secret": "of the file"}
    path = write({"publishers": [{"id": "a", "credential": "acme"}], "credentials": {"acme": acme, "b-2": {}}})
    prefix = "MARKETPLACE_EXPORTER_CREDENTIALS__"
    environ = {prefix + "ACME__CLIENT_SECRET": "123", prefix + "big_co__token_file": "here"}
    settings = load(f"--config.file={path}", environ=environ)
    assert sorted(settings.credentials) == ["acme", "b-2", "big_co"]
    assert (settings.credentials["acme"].client_id, settings.secrets()) == ("c", ("123",))
    assert settings.credentials["big_co"].token_file == Path("here")
    assert settings.publishers[0].credential == "acme"


@pytest.mark.parametrize(
    ("content", "address", "config"),
    [
        ("log: {level: loud}\nweb: {listen_address: ':1', config: {file: /w}}", ":1", "/w"),
        ("web: {listen_address: ':1', telemetry_path: bad, tls: 1}", ":1", None),
        ("web: {listen_address: 5, config: {file: /w}}", ":10142", "/w"),
        ("web: 5", ":10142", None),
        ("web: [", ":10142", None),
        ("log: {}\nweb:\n  listen_address:\n  - ':1'\n\n  # here\n  config:\n    file: /w\nlog: {}\n", ":1", "/w"),
        ("web: {listen_address: ':1'}\nlog: [", ":1", None),
        ("\tlog: [\nweb: {listen_address: ':1'}", ":1", None),
    ],
)
def test_what_the_health_check_reads_of_a_bad_file(
    content: str, address: str, config: str | None, write: Write
) -> None:
    """It asks who has been running since before the file became bad."""
    web = reachable([f"--config.file={write(content)}", "--healthcheck"], {}, sources=SOURCES)
    assert (web.listen_address, web.config.file) == ((address,), config and Path(config))


def test_the_health_check_wants_a_good_command_line() -> None:
    with pytest.raises(ConfigError):
        reachable(["--healthcheck", "--wep.listen-address=:1"], {}, sources=SOURCES)


def test_help() -> None:
    """Set UPDATE_GOLDEN to write the file anew, and read the difference."""
    text = help_text(SOURCES)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_every_option_has_its_sentence() -> None:
    assert [option.name for option in OPTIONS.values() if not option.description.endswith(".")] == []
    assert [name for name, one in PublisherSettings.model_fields.items() if not one.description] == []
