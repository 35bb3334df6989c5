from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from exporter.domain.errors import ConfigError
from exporter.web import tls
from exporter.web.tls import is_allowed, server_context
from exporter.web.web_config import TlsServerConfig
from tests.certificates import Authority, pem


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority) -> dict[str, Path]:
    certificate, key = authority.issue("server")
    return {"cert_file": certificate, "key_file": key}


def config(pair: Mapping[str, Any], **more: Any) -> TlsServerConfig:
    return TlsServerConfig.model_validate({**pair, **more})


def shake(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Shake hands in memory and give the server's end; fails as the handshake does."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
    ]
    for _ in range(5):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    ends[0].do_handshake()
    return ends[0]


def client(authority: Authority, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if names:
        context.load_cert_chain(*authority.issue("client", *names))
    return context


def test_speaks_tls_1_3_and_http_1_1(authority: Authority, pair: dict[str, Path]) -> None:
    guest = client(authority)
    guest.set_alpn_protocols(["h2", "http/1.1"])
    end = shake(server_context(config(pair)), guest)
    assert end.version() == "TLSv1.3"
    assert end.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("has_memory_files", [True, False])
def test_takes_certificate_key_and_authority_from_the_file_itself(
    authority: Authority, pair: dict[str, Path], monkeypatch: pytest.MonkeyPatch, *, has_memory_files: bool
) -> None:
    if not has_memory_files:
        monkeypatch.delattr("os.memfd_create", raising=False)
    files = {"cert": pair["cert_file"], "key": pair["key_file"], "client_ca": authority.file}
    inline = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    context = server_context(config(inline, client_auth_type="RequireAndVerifyClientCert"))
    assert shake(context, client(authority, "DNS:a")).getpeercert()


def test_keeps_to_versions_and_ciphers(authority: Authority, pair: dict[str, Path]) -> None:
    name = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    context = server_context(config(pair, max_version="TLS12", cipher_suites=[name], curve_preferences=["CurveP384"]))
    end = shake(context, client(authority))
    assert end.version() == "TLSv1.2"
    assert (end.cipher() or ("",))[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"
    old = client(authority)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        shake(server_context(config(pair, min_version="TLS13")), old)


@pytest.mark.parametrize("prefers", [True, False])
def test_prefers_its_own_ciphers_if_told(pair: dict[str, Path], *, prefers: bool) -> None:
    options = server_context(config(pair, prefer_server_cipher_suites=prefers)).options
    assert bool(options & ssl.OP_CIPHER_SERVER_PREFERENCE) is prefers


def test_every_suite_and_curve_is_known_to_openssl(pair: dict[str, Path]) -> None:
    for suite in tls._CIPHERS:
        server_context(config(pair, cipher_suites=[suite]))
    for curve in tls._CURVES:
        server_context(config(pair, curve_preferences=[curve]))
    suites = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
    server_context(config(pair, cipher_suites=suites, min_version="TLS13"))


def test_tells_what_is_bad(
    authority: Authority, pair: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing, rubbish, encrypted = (tmp_path / name for name in ("nothing", "rubbish", "encrypted"))
    rubbish.write_text("rubbish", encoding="utf-8")
    encrypted.write_bytes(pem(ec.generate_private_key(ec.SECP256R1()), password=b"secret"))
    _, other = authority.issue("other")
    mutual = {"client_auth_type": "RequireAndVerifyClientCert"}
    suites = "cipher_suites: holds suites of TLS 1.3 only; set min_version to TLS13, or add some of TLS 1.2"
    for section, told in (
        (config(pair, cert_file=nothing), f"cert_file: cannot read {nothing}: No such file or directory"),
        (config(pair, key_file=nothing), f"key_file: cannot read {nothing}: No such file or directory"),
        (config(pair, client_ca_file=nothing, **mutual), f"client_ca_file: cannot read {nothing}: No such file"),
        (config(pair, cert_file=rubbish), "cert_file: certificate and key cannot be used: "),
        (config(pair, key_file=other), "cert_file: certificate and key cannot be used: key values mismatch"),
        (config(pair, key_file=encrypted), "key_file: the key is encrypted; a server needs one without a password"),
        (config(pair, client_ca_file=rubbish, **mutual), "client_ca_file: holds no certificate authority: "),
        (config(pair, cipher_suites=["TLS_RC4"]), "cipher_suites: unknown cipher 'TLS_RC4'; there are TLS_AES_128_GCM"),
        (config(pair, cipher_suites=["TLS_AES_128_GCM_SHA256"]), suites),
    ):
        with pytest.raises(ConfigError) as raised:
            server_context(section)
        assert str(raised.value).startswith("web.config.file.tls_server_config." + told)
    # While a file is being replaced: one more bad configuration, nothing worse.
    monkeypatch.setattr(tls, "_check_readable", lambda *_: pair["cert_file"].unlink(missing_ok=True))
    with pytest.raises(ConfigError, match=r"cert_file: certificate and key cannot be used: .*no such file"):
        server_context(config(pair))


def test_certificates_of_clients(authority: Authority, pair: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "strangers").mkdir()
    stranger = client(authority)
    stranger.load_cert_chain(*Authority(tmp_path / "strangers").issue("stranger"))
    must = server_context(config(pair, client_auth_type="RequireAndVerifyClientCert", client_ca_file=authority.file))
    may = server_context(config(pair, client_auth_type="VerifyClientCertIfGiven", client_ca_file=authority.file))
    assert shake(must, client(authority, "DNS:a")).getpeercert()
    assert shake(may, client(authority, "DNS:a")).getpeercert()
    assert shake(may, client(authority)).getpeercert() is None
    for context, guest in ((must, client(authority)), (must, stranger), (may, stranger)):
        with pytest.raises(ssl.SSLError):
            shake(context, guest)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("DNS:prometheus.example", True),
        ("IP:10.0.0.1", True),
        ("IP:fe80::1", True),
        ("email:a@example.org", True),
        ("URI:spiffe://example/prometheus", True),
        ("DNS:other.example", False),
        ("DNS:sub.prometheus.example", False),
    ],
)
def test_only_allowed_names_pass(authority: Authority, pair: dict[str, Path], name: str, *, fits: bool) -> None:
    names = frozenset({"prometheus.example", "10.0.0.1", "fe80::1", "a@example.org", "spiffe://example/prometheus"})
    context = server_context(config(pair, client_auth_type="VerifyClientCertIfGiven", client_ca_file=authority.file))
    shown = shake(context, client(authority, name, "DNS:and-another.example")).getpeercert()
    assert is_allowed(names, shown) is fits


def test_without_a_list_everybody_passes() -> None:
    assert is_allowed(frozenset(), None)
    assert not is_allowed(frozenset({"a"}), None)
    assert not is_allowed(frozenset({"a"}), {"subjectAltName": (("IP Address", "<invalid>"), ("Registered ID", "a"))})
