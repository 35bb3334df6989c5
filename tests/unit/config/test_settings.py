"""Which values the settings take; where they come from is the matter of test_options.py."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from exporter.config.settings import (
    ApiSettings,
    AuthSettings,
    CollectionSettings,
    LogSettings,
    Publishers,
    PublisherSettings,
    Section,
    Settings,
    WebSettings,
)

PUBLISHERS: TypeAdapter[tuple[PublisherSettings, ...]] = TypeAdapter(Publishers)


def read(value: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.id, one.offers) for one in PUBLISHERS.validate_python(value)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("contoso", [("contoso", ())]),
        ("contoso,fabrikam", [("contoso", ()), ("fabrikam", ())]),
        (" contoso , fabrikam/vm ,", [("contoso", ()), ("fabrikam", ("vm",))]),
        (["contoso/b", "contoso/a"], [("contoso", ("b", "a"))]),
        (["contoso/a", "contoso"], [("contoso", ())]),
        (["contoso", "contoso/a"], [("contoso", ())]),
        (["contoso/a", "fabrikam/x", "contoso/b"], [("contoso", ("a", "b")), ("fabrikam", ("x",))]),
        ([{"id": "contoso"}], [("contoso", ())]),
        ([{"id": "contoso", "offers": ["a", "b"]}, "fabrikam"], [("fabrikam", ()), ("contoso", ("a", "b"))]),
        ([{"id": " contoso ", "sources": ["cloud_partner"]}], [("contoso", ())]),
        (["Contoso", "contoso"], [("Contoso", ()), ("contoso", ())]),
        ("", []),
        ([], []),
    ],
)
def test_publishers(value: Any, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert read(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        ["contoso/"],
        ["/vm"],
        ["contoso/vm/status"],
        [""],
        [" "],
        ["contoso/.."],
        ["."],
        [17],
        [None],
        "contoso/ ",
        17,
        {"id": "contoso"},
        [{"id": ""}],
        [{"id": "a/b"}],
        [{"offers": ["a"]}],
        [{"id": "contoso", "offers": [""]}],
        [{"id": "contoso", "offers": "vm"}],
        [{"id": "contoso", "source": "cloud_partner"}],
        [{"id": "contoso", "sources": ["portal"]}],
        ["lone\ud83dsurrogate"],
    ],
    ids=repr,
)
def test_what_is_no_publisher(value: Any) -> None:
    with pytest.raises(ValidationError):
        PUBLISHERS.validate_python(value)


def test_a_publisher_twice_as_an_object() -> None:
    with pytest.raises(ValidationError, match="publisher 'contoso' is listed more than once; join its entries"):
        Settings(publishers=["contoso", {"id": "contoso"}])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("section", "name", "raw", "expected"),
    [
        (ApiSettings, "base_url", "https://api.example.com/", "https://api.example.com"),
        (ApiSettings, "base_url", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        (ApiSettings, "base_url", "https://gateway.example.com/azure/", "https://gateway.example.com/azure"),
        (ApiSettings, "timeout", "1m30s", 90.0),
        (ApiSettings, "max_concurrency", "4", 4),
        (CollectionSettings, "interval", "1s", 1.0),
        (CollectionSettings, "stale_after", "2h", 7200.0),
        (WebSettings, "listen_address", "127.0.0.1:1", ("127.0.0.1:1",)),
        (WebSettings, "listen_address", "127.0.0.1:1, [::1]:2,:3", ("127.0.0.1:1", "[::1]:2", ":3")),
        (WebSettings, "listen_address", ["exporter.example.com:0"], ("exporter.example.com:0",)),
        (WebSettings, "listen_address", ":65535", (":65535",)),
        (WebSettings, "telemetry_path", "/prom/metrics", "/prom/metrics"),
        (LogSettings, "level", "debug", "debug"),
    ],
)
def test_good_values(section: type[Section], name: str, raw: Any, expected: Any) -> None:
    assert getattr(section(**{name: raw}), name) == expected


@pytest.mark.parametrize(
    ("section", "name", "raw"),
    [
        (ApiSettings, "base_url", "api.example.com"),
        (ApiSettings, "base_url", "ftp://api.example.com"),
        (ApiSettings, "base_url", "https://"),
        (ApiSettings, "base_url", "https://user:pass@api.example.com"),
        (ApiSettings, "base_url", "https://api.example.com/?a=b"),
        (ApiSettings, "base_url", "https://api.example.com/#x"),
        (ApiSettings, "base_url", "https://[::1"),
        (ApiSettings, "base_url", "https://api.example.com:99999"),
        (ApiSettings, "base_url", "https://api.example.com:port"),
        (ApiSettings, "timeout", "0s"),
        (ApiSettings, "timeout", "30"),
        (ApiSettings, "max_concurrency", 0),
        (ApiSettings, "max_concurrency", 65),
        (ApiSettings, "max_concurrency", "many"),
        (CollectionSettings, "interval", "0s"),
        (CollectionSettings, "interval", "999ms"),
        (CollectionSettings, "timeout", "0s"),
        (CollectionSettings, "stale_after", "0s"),
        (CollectionSettings, "stale_after", float("nan")),
        (WebSettings, "listen_address", []),
        (WebSettings, "listen_address", ""),
        (WebSettings, "listen_address", "10142"),
        (WebSettings, "listen_address", ":65536"),
        (WebSettings, "listen_address", "::1:80"),
        (WebSettings, "listen_address", "host:port"),
        (WebSettings, "listen_address", "a b:1"),
        (WebSettings, "telemetry_path", "metrics"),
        (WebSettings, "telemetry_path", "/"),
        (WebSettings, "telemetry_path", "/a b"),
        (WebSettings, "telemetry_path", "/{x}"),
        (LogSettings, "level", "loud"),
        (LogSettings, "format", "xml"),
    ],
)
def test_bad_values(section: type[Section], name: str, raw: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        section(**{name: raw})
    assert {error["loc"][0] for error in caught.value.errors()} == {name}


def test_a_url_with_a_password_is_not_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        ApiSettings(base_url="https://user:sesame@api.example.com")
    assert "sesame" not in caught.value.errors(include_input=False, include_context=False)[0]["msg"]


@pytest.mark.parametrize("section", [ApiSettings, AuthSettings, CollectionSettings, WebSettings, LogSettings])
def test_unknown_keys_and_changes_are_refused(section: type[Section]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        section.model_validate({"no_such_key": 1})
    with pytest.raises(ValidationError, match="Instance is frozen"):
        setattr(section(), next(iter(section.model_fields)), None)


def test_two_tokens() -> None:
    with pytest.raises(ValidationError, match="token and token_file are both set; keep one"):
        AuthSettings(token=SecretStr("a"), token_file="/b")  # type: ignore[arg-type]


def test_secrets_hide() -> None:
    settings = Settings(auth=AuthSettings(token=SecretStr("sesame")))
    assert "sesame" in settings.secrets()
    assert "sesame" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert Settings().secrets() == ()


@pytest.mark.parametrize(
    "section", [ApiSettings, AuthSettings, CollectionSettings, WebSettings, LogSettings, PublisherSettings]
)
def test_every_field_has_its_sentence(section: type[Section]) -> None:
    for name, field in section.model_fields.items():
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, Section)):
            assert field.description, name
            assert field.description.strip().endswith("."), name


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"token": "x"},
        {"token_file": "/x"},
        {"method": "default", "client_id": "c"},
        {"method": "token", "token_file": "/x"},
        {"method": "client_secret", "tenant_id": "t", "client_id": "c", "client_secret": "s"},
        {"method": "client_secret", "tenant_id": "t", "client_id": "c", "client_secret_file": "/s"},
        {"method": "client_certificate", "tenant_id": "t", "client_id": "c", "certificate_file": "/c.pem"},
        {"method": "workload_identity"},
        {"method": "workload_identity", "tenant_id": "t", "client_id": "c", "federated_token_file": "/f"},
        {"method": "managed_identity", "client_id": "c"},
        {"method": "azure_cli", "tenant_id": "t"},
    ],
    ids=repr,
)
def test_credentials_that_fit_their_method(given: dict[str, str]) -> None:
    assert AuthSettings.model_validate(given).method == given.get("method", "default")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "token"}, "method token needs token or token_file"),
        ({"method": "token", "token": "x", "token_file": "/x"}, "token and token_file are both set; keep one"),
        ({"method": "client_secret"}, "method client_secret needs tenant_id"),
        ({"method": "client_secret", "tenant_id": "t"}, "method client_secret needs client_id"),
        (
            {"method": "client_secret", "tenant_id": "t", "client_id": "c"},
            "method client_secret needs client_secret or client_secret_file",
        ),
        (
            {
                "method": "client_secret",
                "tenant_id": "t",
                "client_id": "c",
                "client_secret": "s",
                "client_secret_file": "/s",
            },
            "client_secret and client_secret_file are both set; keep one",
        ),
        (
            {"method": "client_certificate", "tenant_id": "t", "client_id": "c"},
            "method client_certificate needs certificate_file",
        ),
        ({"method": "azure_cli", "token": "x"}, "method azure_cli does not use token; remove it"),
        ({"method": "managed_identity", "tenant_id": "t"}, "method managed_identity does not use tenant_id; remove it"),
        ({"client_secret": "s"}, "method default does not use client_secret; remove it"),
    ],
    ids=repr,
)
def test_credentials_that_contradict_their_method(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AuthSettings.model_validate(given)
    assert [error["msg"] for error in caught.value.errors()] == [f"Value error, {message}"]


@pytest.mark.parametrize(("value", "expected"), [("0/1", (0, 1)), ("2/3", (2, 3)), ("0/1000", (0, 1000))], ids=str)
def test_shards(value: str, expected: tuple[int, int]) -> None:
    shard = CollectionSettings.model_validate({"shard": value}).shard
    assert (shard.ordinal, shard.total) == expected
    assert str(shard) == value


@pytest.mark.parametrize("value", ["3/3", "1", "1/0", "-1/3", "0/1001", "a/b", "1/3/5", "", 1, None])
def test_what_is_no_shard(value: Any) -> None:
    with pytest.raises(ValidationError, match="is no shard; write ordinal/total, counted from 0, such as 0/3"):
        CollectionSettings.model_validate({"shard": value})
