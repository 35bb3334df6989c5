"""The web configuration file in a real process: who gets in, and changes without a restart."""

from __future__ import annotations

import http
import ssl
import subprocess
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

Tool = Callable[[str], Path]
Start = Callable[..., Exporter]
PASSWORD = "correct horse battery staple"


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


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
def start(tool: Tool, keep: Keep, web: Path) -> Start:
    command: list[str | Path] = [tool("azure-marketplace-exporter"), "--demo", "--web.listen-address=127.0.0.1:0"]

    def start_one(config: Mapping[str, Any], *arguments: str) -> Exporter:
        write(web, config)
        return keep(lambda folder: Exporter([*command, f"--web.config.file={web}", *arguments], folder))

    return start_one


@pytest.fixture
def tls(authority: Authority) -> dict[str, Any]:
    authority.issue("server")
    return {"cert_file": "server.crt", "key_file": "server.key"}


def status(exporter: Exporter, path: str = "/metrics", **options: Any) -> int:
    return exporter.get(path, **options).status_code


def test_node_exporters_example_works_unchanged(start: Start, tls: dict[str, Any], authority: Authority) -> None:
    """The keys are those of the guide https://prometheus.io/docs/guides/tls-encryption/ and of basic-auth's."""
    users = {"alice": hashed(PASSWORD)}
    exporter = start({"tls_server_config": tls, "basic_auth_users": users})
    assert exporter.url.startswith("https://")
    verify = str(authority.file)
    assert status(exporter, verify=verify, auth=("alice", PASSWORD)) == http.HTTPStatus.OK
    assert status(exporter, verify=verify, auth=("alice", "wrong")) == http.HTTPStatus.UNAUTHORIZED
    assert status(exporter, verify=verify, auth=("bob", PASSWORD)) == http.HTTPStatus.UNAUTHORIZED
    for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/nothing"):
        assert status(exporter, path, verify=verify) == http.HTTPStatus.UNAUTHORIZED
    assert PASSWORD not in exporter.log
    assert users["alice"] not in exporter.log


def test_open_health(start: Start) -> None:
    exporter = start({"basic_auth_users": {"alice": hashed(PASSWORD)}}, "--web.open-health")
    assert status(exporter, "/-/healthy") == http.HTTPStatus.OK
    assert status(exporter, "/-/ready") in {http.HTTPStatus.OK, http.HTTPStatus.SERVICE_UNAVAILABLE}
    for path in ("/", "/metrics", "/-/healthy/", "//-/healthy", "/-/reload"):
        assert status(exporter, path) == http.HTTPStatus.UNAUTHORIZED


def test_users_change_without_a_restart(start: Start, web: Path) -> None:
    exporter = start({"basic_auth_users": {"alice": hashed("old")}})
    assert status(exporter, auth=("alice", "old")) == http.HTTPStatus.OK
    write(web, {"basic_auth_users": {"alice": hashed("new")}})
    wait_until(lambda: status(exporter, auth=("alice", "new")) == http.HTTPStatus.OK, "the new password")
    assert status(exporter, auth=("alice", "old")) == http.HTTPStatus.UNAUTHORIZED


def test_certificates_change_without_a_restart(start: Start, tls: dict[str, Any], authority: Authority) -> None:
    exporter = start({"tls_server_config": tls})
    old = session(authority)
    assert old.get(exporter.url + "/-/healthy", timeout=10).ok
    before = certificate(exporter)
    authority.issue("server")
    wait_until(lambda: certificate(exporter) != before, "the new certificate")
    # A connection from before goes on; a new one works as well.
    assert old.get(exporter.url + "/-/healthy", timeout=10).ok
    assert session(authority).get(exporter.url + "/-/healthy", timeout=10).ok


def session(authority: Authority) -> requests.Session:
    one = requests.Session()
    one.trust_env = False
    one.verify = str(authority.file)
    return one


def certificate(exporter: Exporter) -> str:
    host, _, port = exporter.url.rpartition("/")[2].partition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=10)


def wait_for_refusals(exporter: Exporter, number: int) -> None:
    wait_until(lambda: exporter.log.count("stays in force") == number, f"{number} refusals")


def test_bad_changes_change_nothing(start: Start, web: Path, tls: dict[str, Any], authority: Authority) -> None:
    """Each is told once, the certificate in force stays, and a repaired file is taken."""
    users = {"alice": hashed(PASSWORD)}
    exporter = start({"tls_server_config": tls, "basic_auth_users": users})
    before = certificate(exporter)
    key = web.with_name(tls["key_file"])
    kept = key.read_text(encoding="utf-8")
    key.write_text("no key", encoding="utf-8")
    exporter.wait_for_text(r"previous one stays in force.*certificate and key cannot be used")
    key.write_text(kept, encoding="utf-8")
    exporter.wait_for_text(r'event="new web configuration"')
    bad_files: list[dict[str, Any]] = [{}, {"tls_server_config": tls}, {"basic_auth_users": users}, {"nonsense": 1}]
    for number, bad in enumerate(bad_files, start=2):
        write(web, bad)
        wait_for_refusals(exporter, number)
    assert certificate(exporter) == before
    assert status(exporter, verify=str(authority.file)) == http.HTTPStatus.UNAUTHORIZED
    assert users["alice"] not in exporter.log


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


def test_headers_of_every_answer(start: Start) -> None:
    headers = {"X-Frame-Options": "sameorigin", "Strict-Transport-Security": "max-age=60", "X-XSS-Protection": "0"}
    exporter = start({"http_server_config": {"http2": True, "headers": headers}})
    for path in ("/", "/metrics", "/nothing"):
        found = exporter.get(path).headers
        assert {name: found[name] for name in headers} == headers
        assert found["X-Content-Type-Options"] == "nosniff"


def test_rate_limit(start: Start) -> None:
    exporter = start({"rate_limit": {"interval": "1h", "burst": 2}}, "--web.open-health")
    assert [status(exporter) for _ in range(3)] == [200, 200, 429]
    assert status(exporter, "/-/healthy") == http.HTTPStatus.OK


MUTUAL = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.pem"}


@pytest.mark.parametrize("more", [{}, MUTUAL], ids=["TLS", "mutual TLS"])
def test_healthcheck(start: Start, tool: Tool, tls: dict[str, Any], web: Path, more: dict[str, str]) -> None:
    exporter = start({"tls_server_config": tls | more, "basic_auth_users": {"alice": hashed(PASSWORD)}})
    address = exporter.url.rpartition("/")[2]
    command: list[str | Path] = [tool("azure-marketplace-exporter"), "--healthcheck", f"--web.listen-address={address}"]
    asked = [*command, f"--web.config.file={web}"]
    assert subprocess.run(asked, timeout=30, check=False).returncode == 0
    exporter.terminate()
    assert subprocess.run(asked, timeout=30, check=False).returncode == 1


def test_bad_file_is_told_at_the_start(tool: Tool, web: Path) -> None:
    write(web, {"tls_server_config": {"cert_file": "missing.crt", "key_file": "missing.key"}})
    command: list[str | Path] = [tool("azure-marketplace-exporter"), "--demo", f"--web.config.file={web}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("web.config.file.tls_server_config.cert_file: cannot read")
