"""The web configuration file in a real process: who gets in, and changes without a restart."""

from __future__ import annotations

import http
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
import yaml

from tests.certificates import Authority

from .conftest import Keep
from .processes import Exporter, wait_until

Start = Callable[..., Exporter]
PASSWORD = "correct horse battery staple"


def users(**passwords: str) -> dict[str, str]:
    return {user: bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode() for user, password in passwords.items()}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def web(tmp_path: Path) -> Path:
    return tmp_path / "web.yml"


def write(path: Path, config: Mapping[str, Any]) -> None:
    """Replace the file in one go, as a careful administrator does."""
    new = path.with_suffix(".new")
    new.write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    new.replace(path)


@pytest.fixture
def start(command: Path, keep: Keep, web: Path) -> Start:
    def start_one(config: Mapping[str, Any], *arguments: str) -> Exporter:
        write(web, config)
        line = "--demo", "--web.listen-address=127.0.0.1:0", f"--web.config.file={web}", *arguments
        return keep(lambda folder: Exporter([command, *line], folder))

    return start_one


@pytest.fixture
def tls(authority: Authority) -> dict[str, Any]:
    authority.issue("server")
    return {"cert_file": "server.crt", "key_file": "server.key"}


def status(exporter: Exporter, path: str = "/metrics", **options: Any) -> int:
    return exporter.get(path, **options).status_code


def certificate(exporter: Exporter) -> str:
    host, _, port = exporter.url.rpartition("/")[2].partition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=10)


def test_node_exporters_example_works_and_changes_without_a_restart(
    start: Start, web: Path, tls: dict[str, Any], authority: Authority
) -> None:
    """The keys are those of the guide https://prometheus.io/docs/guides/tls-encryption/ and of basic-auth's."""
    alice = users(alice=PASSWORD)
    exporter = start({"tls_server_config": tls, "basic_auth_users": alice})
    verify = str(authority.file)
    old = requests.Session()
    old.trust_env, old.verify, old.auth = False, verify, ("alice", PASSWORD)
    assert old.get(exporter.url + "/metrics", timeout=10).ok
    for auth in (("alice", "wrong"), ("bob", PASSWORD)):
        assert status(exporter, verify=verify, auth=auth) == http.HTTPStatus.UNAUTHORIZED
    for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/nothing"):
        assert status(exporter, path, verify=verify) == http.HTTPStatus.UNAUTHORIZED

    before = certificate(exporter)
    authority.issue("server")
    wait_until(lambda: certificate(exporter) != before, "the new certificate")
    # A connection from before goes on; a new one works as well.
    assert old.get(exporter.url + "/metrics", timeout=10).ok
    write(web, {"tls_server_config": tls, "basic_auth_users": alice | users(bob="new")})
    wait_until(lambda: status(exporter, verify=verify, auth=("bob", "new")) == http.HTTPStatus.OK, "the new user")

    write(web, {})
    exporter.wait_for_text("previous one stays in force")
    assert status(exporter, verify=verify) == http.HTTPStatus.UNAUTHORIZED
    assert PASSWORD not in exporter.log
    assert alice["alice"] not in exporter.log


def test_client_certificates(start: Start, tls: dict[str, Any], authority: Authority, tmp_path: Path) -> None:
    mutual = tls | {
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": authority.file.name,
        "client_allowed_sans": ["prometheus.example"],
    }
    exporter = start({"tls_server_config": mutual})
    verify = str(authority.file)
    good = tuple(map(str, authority.issue("good", "DNS:prometheus.example")))
    assert status(exporter, verify=verify, cert=good) == http.HTTPStatus.OK
    (tmp_path / "others").mkdir()
    strangers = Authority(tmp_path / "others", "others")
    for bad in (None, authority.issue("bad", "DNS:grafana.example"), strangers.issue("evil", "DNS:prometheus.example")):
        with pytest.raises(requests.ConnectionError):
            status(exporter, verify=verify, cert=tuple(map(str, bad)) if bad else None)
