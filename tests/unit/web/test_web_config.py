from pathlib import Path

import pytest

from exporter.domain.errors import ConfigError
from exporter.web.web_config import read

HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"


def problems(folder: Path, text: str) -> list[tuple[str, str]]:
    """Read a bad file and give its problems, without the prefix of their places."""
    path = folder / "web.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        read(path)
    assert HASH not in str(raised.value)
    return [(where.removeprefix("web.config.file").removeprefix("."), what) for where, what in raised.value.problems]


def test_reads_a_full_file(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text(
        f"""
        tls_server_config:
          cert_file: server.crt
          key_file: /etc/server.key
          client_auth_type: RequireAndVerifyClientCert
          client_ca_file: ca.crt
          client_allowed_sans: [prometheus.example]
          min_version: TLS12
          max_version: TLS13
          cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
          prefer_server_cipher_suites: false
          curve_preferences: [CurveP256]
        http_server_config:
          http2: true
          headers:
            X-Frame-Options: deny
            X-XSS-Protection:
        basic_auth_users:
          alice: {HASH}
        rate_limit:
          interval: 1s
          burst: 20
        """,
        encoding="utf-8",
    )
    config = read(path)
    tls = config.tls_server_config
    assert tls.is_enabled
    assert tls.files() == (tmp_path / "server.crt", Path("/etc/server.key"), tmp_path / "ca.crt")
    assert tls.client_allowed_sans == {"prometheus.example"}
    assert not tls.prefer_server_cipher_suites
    assert config.http_server_config.headers == {"X-Frame-Options": "deny"}
    assert config.basic_auth_users["alice"].get_secret_value() == HASH
    assert (config.rate_limit.interval, config.rate_limit.burst) == (1.0, 20)


@pytest.mark.parametrize(
    "text", ["", "{}", "tls_server_config:\nbasic_auth_users:\n", "tls_server_config: {}", "basic_auth_users: {}"]
)
def test_blank_means_plain_http_for_everybody(tmp_path: Path, text: str) -> None:
    (tmp_path / "web.yml").write_text(text, encoding="utf-8")
    config = read(tmp_path / "web.yml")
    assert not config.tls_server_config.is_enabled
    assert not config.tls_server_config.wants_client_certificate
    assert config.basic_auth_users == {}
    assert config.rate_limit.interval == 0


def test_scalars_are_read_as_in_exporter_toolkit(tmp_path: Path) -> None:
    """Its sample file of headers has `X-XSS-Protection: 1`; 0 is its own default for both parts of the limit."""
    path = tmp_path / "web.yml"
    path.write_text(
        "http_server_config: {headers: {X-XSS-Protection: 1, Content-Security-Policy: true, "
        "Strict-Transport-Security: 1.5, X-Frame-Options: }}\n"
        "rate_limit: {interval: 0, burst: 0}\n",
        encoding="utf-8",
    )
    config = read(path)
    assert config.http_server_config.headers == {
        "X-XSS-Protection": "1",
        "Content-Security-Policy": "true",
        "Strict-Transport-Security": "1.5",
    }
    assert (config.rate_limit.interval, config.rate_limit.burst) == (0.0, 0)


PAIR = "cert_file: a, key_file: b"


@pytest.mark.parametrize(
    ("section", "where", "what"),
    [
        ("key_file: b", "", "cert_file is missing; without it there is no TLS"),
        ("cert_file: a", "", "key_file is missing; without it there is no TLS"),
        ("cert_file: '', key_file: b", "", "cert_file is missing; without it there is no TLS"),
        (f"{PAIR}, cert: c", "", "cert and cert_file are both set; keep one"),
        (f"{PAIR}, min_version: TLS13, max_version: TLS12", "", "min_version is above max_version"),
        (
            f"{PAIR}, min_version: TLS10",
            ".min_version",
            "TLS10 cannot be had: OpenSSL 3 has switched it off; use TLS12",
        ),
        (f"{PAIR}, min_version: SSL30", ".min_version", "must be TLS12 or TLS13"),
        (
            f"{PAIR}, client_ca_file: c",
            "",
            "client_ca_file is set but no certificate is asked for; set client_auth_type",
        ),
        (
            f"{PAIR}, client_auth_type: RequireAndVerifyClientCert",
            "",
            "client_auth_type RequireAndVerifyClientCert needs client_ca_file",
        ),
        (
            f"{PAIR}, client_auth_type: VerifyClientCertIfGiven, client_ca_file: c, client_allowed_sans: [d]",
            "",
            "client_allowed_sans needs client_auth_type RequireAndVerifyClientCert",
        ),
        (
            f"{PAIR}, client_auth_type: RequireAnyClientCert, client_ca_file: c",
            ".client_auth_type",
            (
                "RequireAnyClientCert cannot be had: Python verifies every certificate it asks for; "
                "use VerifyClientCertIfGiven or RequireAndVerifyClientCert"
            ),
        ),
        (
            f"{PAIR}, curve_preferences: [CurveP256, X25519]",
            ".curve_preferences",
            "Python can set one curve only; keep one, or leave the key out for OpenSSL's own choice",
        ),
        (f"{PAIR}, cert_fille: c", ".cert_fille", "unknown"),
    ],
)
def test_tells_what_is_wrong_with_tls(tmp_path: Path, section: str, where: str, what: str) -> None:
    assert problems(tmp_path, f"tls_server_config: {{{section}}}") == [("tls_server_config" + where, what)]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("nonsense: 1", "nonsense", "unknown"),
        ("basic_auth_users: [a]", "basic_auth_users", "takes a mapping"),
        (
            "basic_auth_users: {a: secret}",
            "basic_auth_users.a",
            r"is no bcrypt hash; make one with: htpasswd -nBC 10 '' | tr -d ':\n'",
        ),
        (
            f"basic_auth_users: {{a: {HASH.replace('$10$', '$21$')}}}",
            "basic_auth_users.a",
            "has the cost 21; a check would take minutes, use 10 to 12",
        ),
        (
            "http_server_config: {headers: {Server: me}}",
            "http_server_config.headers",
            (
                "Server cannot be configured; there are Content-Security-Policy, Strict-Transport-Security, "
                "X-Content-Type-Options, X-Frame-Options, X-XSS-Protection"
            ),
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: ALLOWALL}}",
            "http_server_config.headers",
            "X-Frame-Options must be deny or sameorigin",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "0\\r\\nSet-Cookie: a"}}',
            "http_server_config.headers",
            "X-XSS-Protection must be plain ASCII on one line",
        ),
        ("rate_limit: {interval: 1s, burst: -1}", "rate_limit.burst", "must be at least 0"),
    ],
)
def test_tells_what_is_wrong_elsewhere(tmp_path: Path, text: str, where: str, what: str) -> None:
    assert problems(tmp_path, text) == [(where, what)]


def test_tells_all_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "nonsense: 1\nrate_limit: {burst: -1}\n")
    assert {where for where, _ in found} == {"nonsense", "rate_limit.burst"}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"- a", "holds no mapping at its top level"),
        (f"basic_auth_users:\n  a: {HASH}\n b: [".encode(), "is not YAML: expected <block end>, but found"),
        (b"basic_auth_users: {a: *sesame}", "is not YAML: found undefined alias something at line 1, column 23"),
        (b"a: \xff", "is no text in UTF-8, see line 1"),
        (b"a: \x07", "is not YAML: found a character that is not allowed at line 1"),
    ],
)
def test_a_file_that_is_no_yaml_shows_no_secret(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "web.yml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        read(path)
    assert what in str(raised.value)
    assert HASH not in str(raised.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^web\.config\.file: cannot read .*/web\.yml: No such file or directory$"):
        read(tmp_path / "web.yml")


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    text = f"tls_server_config: {{cert: a, key: very-secret}}\nbasic_auth_users: {{alice: {HASH}}}\n"
    (tmp_path / "web.yml").write_text(text, encoding="utf-8")
    shown = repr(read(tmp_path / "web.yml"))
    assert HASH not in shown
    assert "very-secret" not in shown
