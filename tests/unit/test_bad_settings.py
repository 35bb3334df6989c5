"""Every refusal of the command: where and what, on standard error, exit code 2, and never a traceback.

A case is a settings file, arguments, variables, and the lines that are expected; `@` in these is the file's path.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli import main
from exporter.config.options import options
from exporter.sources.registry import SOURCES

pytestmark = pytest.mark.usefixtures("own_logging", "no_variables")

Captured = pytest.CaptureFixture[str]
Case = tuple[str, list[str], dict[str, str], list[str]]

HELP = "unknown; azure-marketplace-exporter --help lists what there is"
BLANK = "has no value; give it one, or leave it out"
URL = "this is no plain http or https URL; it has no user, query or fragment"
NO_DURATION = "is no duration; write a number and a unit, such as 30s, 5m or 1h30m"
NO_ADDRESS = "is no address; write host:port, :port or [ipv6]:port"
NO_SHARD = "is no shard; write ordinal/total, counted from 0, such as 0/3"
NO_PATH = "is no path; it starts with a slash and is not empty, such as /metrics"
NO_ID = "is no id; ids are not empty and hold no slash"
NO_PUBLISHER = "is no publisher; write publisher, publisher/offer or a mapping with id, and digits in quotes"
NO_NAME = "is no name here; names are of small letters, digits, and single - or _ between them, and default is the one in auth"
IN_USE = "has another use; choose a path of its own, such as /metrics"
SHARED = (
    "contoso, fabrikam share the source partner_center, which tells no publishers apart; "
    "let one of them have it, or name the offers of each"
)


def file(content: str, *expected: str) -> Case:
    return content, [], {}, list(expected)


def flags(arguments: str, *expected: str) -> Case:
    return "publishers: [contoso]", arguments.split("|"), {}, list(expected)


def variable(name: str, value: str, *expected: str) -> Case:
    return "publishers: [contoso]", [], {f"MARKETPLACE_EXPORTER_{name}": value}, list(expected)


def secret(name: str) -> str:
    variable = "MARKETPLACE_EXPORTER_" + name.replace(".", "__").upper()
    flag = "--" + name.replace("_", "-")
    return f"{flag}: a secret on the command line is visible to all; use {variable} or {flag}-file"


def exposed(where: str, host: str) -> str:
    return f"{where}: plain http would show the credential on the way to {host}; use https, or api.allow_insecure"


CASES = [
    # The file as a whole.
    file(
        "publishers: [a", "config.file: @ is not YAML: expected ',' or ']', but got '<stream end>' at line 1, column 15"
    ),
    file("a: b: c", "config.file: @ is not YAML: mapping values are not allowed here at line 1, column 5"),
    file(
        "log:\n\tlevel: info",
        "config.file: @ is not YAML: found character '\\t' that cannot start any token at line 2, column 1",
    ),
    file(
        'log: {level: debug}\nx: "\x01"', "config.file: @ is not YAML: found a character that is not allowed at line 2"
    ),
    file("- a\n- b", "config.file: @ holds no mapping at its top level"),
    file("log: !!int x", "config.file: @ is not YAML: found a value that is not of its type at line 1, column 6"),
    file("a: " + "[" * 5000, "config.file: @ is nested too deeply"),
    file("#" * 1_000_001, "config.file: @ is larger than 1 MB; is it the right file?"),
    file("log: {level: \udcff}", "config.file: @ is no text in UTF-8, see line 1"),
    file(
        "api: {timeout: 1s}\nlog: {}\napi:\n  base_url: https://api.example.com",
        "config.file: @ has 'api' twice, on lines 1 and 3; join them",
    ),
    # Keys.
    file("publisher: [a]", "publisher (@:1): unknown; did you mean publishers?"),
    file("publishers: [a]\nwep: {}", "wep (@:2): unknown; did you mean web?"),
    file("zzz: 1\npublishers: [a]\ndemo: true", f"zzz (@:1): {HELP}", f"demo (@:3): {HELP}"),
    file("1: 2", f"1 (@:1): {HELP}"),
    file("_env_file: /etc/hostname", f"_env_file (@:1): {HELP}"),
    file("log:\n  levle: info", "log.levle (@:2): unknown; did you mean log.level?"),
    file("log: {3: x}", f"log[3] (@:1): {HELP}"),
    ("log: debug", ["--log.level=info"], {}, ["log (@:1): takes a mapping of settings"]),
    file("publishers: [a]\nlog:", f"log (@:2): {BLANK}"),
    # Publishers.
    file("", "publishers: nothing to watch; name at least one publisher, such as contoso"),
    file("publishers:", f"publishers (@:1): {BLANK}"),
    file("publishers: {id: contoso}", "publishers (@:1): takes a list"),
    file(
        "publishers:\n- a\n-\n- 17\n- [x]\n- true",
        f"publishers[1] (@:3): {BLANK}",
        f"publishers[2] (@:4): {NO_PUBLISHER}",
        f"publishers[3] (@:5): {NO_PUBLISHER}",
        f"publishers[4] (@:6): {NO_PUBLISHER}",
    ),
    file("publishers: [contoso, '']", f"publishers[1].id (@:1): '' {NO_ID}"),
    file("publishers:\n- contoso/", f"publishers[0].offers[0] (@:2): '' {NO_ID}"),
    file("publishers:\n- a/b/c", f"publishers[0].offers[0] (@:2): 'b/c' {NO_ID}"),
    file("publishers: [a/..]", f"publishers[0].offers[0] (@:1): '..' {NO_ID}"),
    file('publishers: ["lone\\ud83dsurrogate"]', f"publishers[0].id (@:1): 'lone\\ud83dsurrogate' {NO_ID}"),
    file(
        "publishers:\n- x/a\n- x/b\n- id: y\n  offer: [x]\n- id: z\n  offers: vm",
        f"publishers[2].offer (@:5): {HELP}",
        "publishers[3].offers (@:7): takes a list",
    ),
    file("publishers:\n- offers: [a]", "publishers[0].id (@:2): is missing"),
    file("publishers:\n- id: 17", "publishers[0].id (@:2): takes text; put a number in quotes"),
    file(
        "publishers:\n- id: a\n  sources: [portal]",
        "publishers[0].sources[0] (@:3): must be cloud_partner, partner_center or product_ingestion",
    ),
    file("publishers:\n- id: a\n  sources: []", "publishers[0].sources (@:3): is an empty list"),
    file(
        "publishers:\n- {id: a, sources: [cloud_partner, cloud_partner]}",
        "publishers[0].sources (@:2): names one of them more than once",
    ),
    file(
        "publishers:\n- a\n- {id: a, sources: [partner_center]}",
        "publishers (@:1): a stands there twice with different settings; make one entry of them",
    ),
    file(
        "publishers:\n- {id: contoso, sources: [partner_center]}\n- {id: fabrikam, sources: [partner_center]}",
        f"publishers (@:1): {SHARED}",
    ),
    # Credentials with a name.
    file(
        "publishers:\n- {id: a, credential: acme}\ncredentials: {b: {}}",
        "publishers (@:1): a wants the credential acme; known are default, b",
    ),
    file("credentials: {default: {}}", f"credentials (@:1): 'default' {NO_NAME}"),
    file("credentials: {A B: {}}", f"credentials (@:1): 'A B' {NO_NAME}"),
    file("credentials: [a]", "credentials (@:1): takes a mapping"),
    file(
        "credentials:\n  acme:\n    tokn: x\n  b:\n  c: {method: client_secret, authority: 17}",
        "credentials.acme.tokn (@:3): unknown; did you mean credentials.acme.token?",
        f"credentials.b (@:4): {BLANK}",
        "credentials.c.authority (@:5): takes text; put a number in quotes",
    ),
    file(
        "credentials:\n  acme: {authority: 'http://login.example.com'}",
        exposed("credentials.acme.authority (@:2)", "login.example.com"),
    ),
    file(
        "publishers: [{id: a, credential: acme}]\ncredentials: {acme: {token_file: /no/such/token}}",
        "credentials.acme: cannot read /no/such/token: No such file or directory",
    ),
    variable(
        "CREDENTIALS__ACME__CLIENT_SEKRET",
        "hush",
        "MARKETPLACE_EXPORTER_CREDENTIALS__ACME__CLIENT_SEKRET: unknown; "
        "did you mean MARKETPLACE_EXPORTER_CREDENTIALS__ACME__CLIENT_SECRET?",
    ),
    variable(
        "CREDENTIALS__ACME__METHOD",
        "client_secret",
        "credentials.acme: method client_secret needs tenant_id",
    ),
    flags("--credentials.acme.client-id=x", f"--credentials.acme.client-id: {HELP}"),
    flags(
        "--credentials.NAME.KEY=x",
        "--credentials.NAME.KEY: is no flag; write it in the file, or set MARKETPLACE_EXPORTER_CREDENTIALS__NAME__KEY",
    ),
    # Values, by each of the ways.
    file("api: {timeout: 30}", f"api.timeout (@:1): 30 {NO_DURATION}"),
    file("api: {timeout: 0s}", "api.timeout (@:1): must be more than 0s"),
    file("api: {timeout: 101y}", "api.timeout (@:1): '101y' is no duration; the longest is 100y"),
    file("collection: {interval: 999ms}", "collection.interval (@:1): must be at least 1s"),
    file("collection: {stale_after: .nan}", f"collection.stale_after (@:1): nan {NO_DURATION}"),
    file(
        "collection: {stale_after: 5m}",
        "collection (@:1): stale_after is not longer than interval: offers would come and go; make it several times",
    ),
    file("collection: {shard: 3/3}", f"collection.shard (@:1): '3/3' {NO_SHARD}"),
    file("collection: {mode: push}", "collection.mode (@:1): must be background or on_scrape"),
    file('collection: {state_file: ""}', "collection.state_file (@:1): is no path of a file"),
    file("api: {ca_file: 5}", "api.ca_file (@:1): takes the path of a file"),
    file(
        "api: {max_concurrency: 65, max_retries: 2.5}",
        "api.max_concurrency (@:1): must be at most 64",
        "api.max_retries (@:1): takes a whole number",
    ),
    file("api: {requests_per_second: fast}", "api.requests_per_second (@:1): takes a number"),
    file("api: {requests_per_second: .inf}", "api.requests_per_second (@:1): must be at most 1000"),
    file("api: {base_url: api.example.com}", f"api.base_url (@:1): {URL}"),
    file("api: {base_url: 'https://user:sesame@example.com'}", f"api.base_url (@:1): {URL}"),
    file("api: {base_url: 'https://[::1'}", f"api.base_url (@:1): {URL}"),
    file("api: {base_url: 'https://example.com:99999'}", f"api.base_url (@:1): {URL}"),
    file("api: {scope: ''}", "api.scope (@:1): is empty"),
    file("partner_center: 5", "partner_center (@:1): takes a mapping of settings"),
    file(
        "product_ingestion: {version: newest}",
        "product_ingestion.version (@:1): 'newest' is no version; write a day, such as 2022-07-01 or 2022-03-01-preview2",
    ),
    file("web: {listen_address: []}", "web.listen_address (@:1): is an empty list"),
    file(
        "web:\n  listen_address:\n  - :1\n  - 10142", "web.listen_address[1] (@:4): takes text; put a number in quotes"
    ),
    file(
        "web: {listen_address: ':65536,::1:80'}",
        f"web.listen_address[0] (@:1): ':65536' {NO_ADDRESS}",
        f"web.listen_address[1] (@:1): '::1:80' {NO_ADDRESS}",
    ),
    file("web: {telemetry_path: metrics}", f"web.telemetry_path (@:1): 'metrics' {NO_PATH}"),
    file("web: {telemetry_path: /}", f"web.telemetry_path (@:1): '/' {NO_PATH}"),
    file("web: {telemetry_path: /sd}", f"web.telemetry_path (@:1): '/sd' {IN_USE}"),
    file("web: {telemetry_path: /api/v1/x}", f"web.telemetry_path (@:1): '/api/v1/x' {IN_USE}"),
    file("web: {enable_lifecycle: maybe}", "web.enable_lifecycle (@:1): takes true or false"),
    file(
        "log: {level: loud, format: xml}",
        "log.level (@:1): must be debug, info, warning or error",
        "log.format (@:1): must be logfmt or json",
    ),
    variable("LOG__LEVEL", "loud", "MARKETPLACE_EXPORTER_LOG__LEVEL: must be debug, info, warning or error"),
    variable("PUBLISHERS", "a,b/c/d", f"MARKETPLACE_EXPORTER_PUBLISHERS[1].offers[0]: 'c/d' {NO_ID}"),
    variable("WEB__LISTEN_ADDRESS", ":1,x", f"MARKETPLACE_EXPORTER_WEB__LISTEN_ADDRESS[1]: 'x' {NO_ADDRESS}"),
    variable(
        "WEB__LISTEN_ADRESS",
        ":1",
        "MARKETPLACE_EXPORTER_WEB__LISTEN_ADRESS: unknown; did you mean MARKETPLACE_EXPORTER_WEB__LISTEN_ADDRESS?",
    ),
    variable("ONCE", "perhaps", "MARKETPLACE_EXPORTER_ONCE: takes true or false"),
    variable("WEB", "{}", f"MARKETPLACE_EXPORTER_WEB: {HELP}"),
    flags(
        "--api.timeout=soon|--log.level|loud",
        f"--api.timeout: 'soon' {NO_DURATION}",
        "--log.level: must be debug, info, warning or error",
    ),
    flags("--publishers=a|--publishers=b/|--publishers=c", f"--publishers[1].offers[0]: '' {NO_ID}"),
    flags("--web.listen-address=", "--web.listen-address: is an empty list"),
    flags("--collection.interval=-1s", f"--collection.interval: '-1s' {NO_DURATION}"),
    # Credentials.
    file(
        "auth: {method: magic}",
        "auth.method (@:1): must be default, token, client_secret, client_certificate, workload_identity, "
        "managed_identity or azure_cli",
    ),
    file("auth: {method: token}", "auth (@:1): method token needs token or token_file"),
    file("auth: {method: token, token: x, token_file: /x}", "auth (@:1): token and token_file are both set; keep one"),
    file("auth: {method: client_secret}", "auth (@:1): method client_secret needs tenant_id"),
    file(
        "auth: {method: client_secret, tenant_id: t, client_id: c}",
        "auth (@:1): method client_secret needs client_secret or client_secret_file",
    ),
    file(
        "auth: {method: client_certificate, tenant_id: t, client_id: c}",
        "auth (@:1): method client_certificate needs certificate_file",
    ),
    file("auth: {client_secret: s}", "auth (@:1): method default does not use client_secret; remove it"),
    file("auth: {method: azure_cli, token: x}", "auth (@:1): method azure_cli does not use token; remove it"),
    file(
        "auth:\n  client_secret_expires_on: 2027-02-30",
        "auth.client_secret_expires_on (@:2): takes a day that exists, written as YYYY-MM-DD",
    ),
    file("auth: {tenant_id: 5}", "auth.tenant_id (@:1): takes text; put a number in quotes"),
    file('auth: {client_id: ""}', "auth.client_id (@:1): is empty"),
    file('auth: {token: ""}', "auth.token (@:1): is empty"),
    file("auth: {token: [sesame, 1]}", "auth.token (@:1): takes text; put a number in quotes"),
    file("auth: sesame", "auth (@:1): takes a mapping of settings"),
    file('auth:\n  token: "sesame', "config.file: @ is not YAML: found unexpected end of stream at line 2, column 17"),
    file(
        "auth: {token: !sesame x}",
        "config.file: @ is not YAML: could not determine a constructor for the tag something at line 1, column 15",
    ),
    flags("--auth.token=sesame", secret("auth.token")),
    flags("--auth.client-secret|sesame", secret("auth.client_secret")),
    # A credential on an open road.
    file("api:\n  base_url: http://api.example.com", exposed("api.base_url (@:2)", "api.example.com")),
    file("partner_center: {base_url: 'http://10.0.0.1'}", exposed("partner_center.base_url (@:1)", "10.0.0.1")),
    file("auth: {authority: 'http://login.example.com'}", exposed("auth.authority (@:1)", "login.example.com")),
    flags("--api.base-url=http://example.com", exposed("--api.base-url", "example.com")),
    # The command line.
    flags("exporter.yaml", "exporter.yaml: is no option; did you mean --config.file=exporter.yaml?"),
    flags("config.check", "config.check: is no option; did you mean --config.check?"),
    flags("contoso", "contoso: is no option; options are written as --name=value"),
    flags("-config.check", "-config.check: unknown; did you mean --config.check?"),
    flags("--wep.listen-address=:1", "--wep.listen-address: unknown; did you mean --web.listen-address?"),
    flags("--no-such|thing|--nor=this", f"--no-such: {HELP}", f"--nor: {HELP}"),
    flags("--log.level", "--log.level: has no value; write --log.level=..."),
    flags("--api.timeout|--once", "--api.timeout: has no value; write --api.timeout=..."),
    flags("--api.scope=--", "--api.scope: has no value; write --api.scope=..."),
    flags("--demo=--", "--demo: takes no value; --demo alone means yes"),
    flags("--demo=maybe", "--demo: takes no value; --demo alone means yes"),
    flags("--once|true", "true: is no option; options are written as --name=value"),
    ("", ["--config.file=/no/such"], {}, ["config.file: cannot read /no/such: No such file or directory"]),
    ("", ["--config.file=/"], {}, ["config.file: cannot read /: Is a directory"]),
    ("", ["--config.file=/dev/zero"], {}, ["config.file: /dev/zero is larger than 1 MB; is it the right file?"]),
    ("", ["--config.file="], {}, ["--config.file: is no path of a file"]),
    # What only a start would meet.
    flags(
        "--collection.state-file=/no/such/state|--auth.token-file=/no",
        "auth: cannot read /no: No such file or directory",
        "collection.state_file: cannot keep /no/such/state: No such file or directory",
    ),
    flags(
        "--collection.state-file=/|--auth.token-file=/dev/null",
        "auth: /dev/null is empty",
        "collection.state_file: / is no regular file",
    ),
    flags(
        "--web.config.file=/no/such|--auth.token-file=/no",
        "web.config.file: cannot read /no/such: No such file or directory",
        "auth: cannot read /no: No such file or directory",
    ),
    # All at once.
    (
        "publishers: [a/b/c]\nweb:\n  telemetry_path: x\n  tls: true\npublisers: []",
        ["--api.timeout=soon"],
        {"MARKETPLACE_EXPORTER_LOG__LEVEL": "loud", "MARKETPLACE_EXPORTER_NO": "1"},
        [
            f"MARKETPLACE_EXPORTER_NO: {HELP}",
            "publisers (@:5): unknown; did you mean publishers?",
            f"publishers[0].offers[0] (@:1): 'b/c' {NO_ID}",
            f"--api.timeout: 'soon' {NO_DURATION}",
            f"web.telemetry_path (@:3): 'x' {NO_PATH}",
            f"web.tls (@:4): {HELP}",
            "MARKETPLACE_EXPORTER_LOG__LEVEL: must be debug, info, warning or error",
        ],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr((case[0][:40], *case[1], *case[2])))
def test_refusal(case: Case, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    content, arguments, environ, expected = case
    path = tmp_path / "exporter.yaml"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert main(["--config.check", f"--config.file={path}", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", [line.replace("@", str(path)) for line in expected])
    assert "sesame" not in err.replace(str(path), "")


STRANGE: list[Any] = [None, "", [], {}, -1, 10**30, float("nan"), True, "x\0y", [[1]], [None], {1: 2}, "\ud800", [{}]]
FOREIGN = re.compile("Input|valid|pydantic|Error|Keys should|Field required|cannot be used")


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: repr(value)[:20])
def test_no_refusal_is_in_the_words_of_a_library(value: Any, tmp_path: Path, capsys: Captured) -> None:
    content: dict[str, Any] = {}
    for option in options(SOURCES):
        *sections, key = option.name.split(".")
        part = content
        for section in sections:
            part = part.setdefault(section, {})
        part[key] = value
    path = tmp_path / "exporter.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert main([f"--config.file={path}"]) == 2
    said = [line.partition("): ")[2] for line in capsys.readouterr().err.splitlines()]
    assert len(said) >= 20
    assert [one for one in said if FOREIGN.search(one)] == []
