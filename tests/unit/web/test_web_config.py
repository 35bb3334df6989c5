from pathlib import Path

import pytest

from exporter.domain.errors import ConfigError
from exporter.web.web_config import WebConfig, read

HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"


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
    assert config == WebConfig()
    assert not config.tls_server_config.is_enabled


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


def tls(section: str, *problems: str) -> tuple[str, list[str]]:
    return f"tls_server_config: {{cert_file: a, key_file: b, {section}}}", [
        f".tls_server_config{one}" for one in problems
    ]


def headers(section: str, problem: str) -> tuple[str, list[str]]:
    return f"http_server_config: {{headers: {{{section}}}}}", [f".http_server_config.headers: {problem}"]


MAY_BE_SET = (
    "Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection"
)
VERIFIES = "Python verifies every certificate it asks for; use VerifyClientCertIfGiven or RequireAndVerifyClientCert"
NO_TLS = ".tls_server_config: {} is missing; without it there is no TLS"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("tls_server_config: {key_file: b}", [NO_TLS.format("cert_file")]),
        ("tls_server_config: {cert_file: a}", [NO_TLS.format("key_file")]),
        ("tls_server_config: {cert_file: '', key_file: b}", [NO_TLS.format("cert_file")]),
        tls("cert: c", ": cert and cert_file are both set; keep one"),
        tls("min_version: TLS13, max_version: TLS12", ": min_version is above max_version"),
        tls("min_version: TLS10", ".min_version: TLS10 cannot be had: OpenSSL 3 has switched it off; use TLS12"),
        tls("min_version: SSL30", ".min_version: must be TLS12 or TLS13"),
        tls("min_version: [TLS12]", ".min_version: must be TLS12 or TLS13"),
        tls("client_ca_file: c", ": client_ca_file is set but no certificate is asked for; set client_auth_type"),
        tls(
            "client_auth_type: VerifyClientCertIfGiven",
            ": client_auth_type VerifyClientCertIfGiven needs client_ca_file",
        ),
        tls(
            "client_auth_type: VerifyClientCertIfGiven, client_ca_file: c, client_allowed_sans: [d]",
            ": client_allowed_sans needs client_auth_type RequireAndVerifyClientCert",
        ),
        tls(
            "client_auth_type: RequireAnyClientCert",
            f".client_auth_type: RequireAnyClientCert cannot be had: {VERIFIES}",
        ),
        tls(
            "curve_preferences: [CurveP256, X25519]",
            ".curve_preferences: Python can set one curve only; keep one, or leave the key out for OpenSSL's own choice",
        ),
        tls("cert_fille: c", ".cert_fille: unknown"),
        ("nonsense: 1\nrate_limit: {burst: -1}", [".rate_limit.burst: must be at least 0", ".nonsense: unknown"]),
        ("basic_auth_users: [a]", [".basic_auth_users: takes a mapping"]),
        (
            "basic_auth_users: {a: secret}",
            [r".basic_auth_users.a: is no bcrypt hash; make one with: htpasswd -nBC 10 '' | tr -d ':\n'"],
        ),
        (
            f"basic_auth_users: {{a: {HASH.replace('$10$', '$21$')}}}",
            [".basic_auth_users.a: has the cost 21; a check would take minutes, use 10 to 12"],
        ),
        headers("Server: me", f"Server cannot be configured; there are {MAY_BE_SET}"),
        headers("X-Frame-Options: ALLOWALL", "X-Frame-Options must be deny or sameorigin"),
        headers('X-XSS-Protection: "0\\r\\nSet-Cookie: a"', "X-XSS-Protection must be plain ASCII on one line"),
        ("- a", [": @ holds no mapping at its top level"]),
        (
            f"basic_auth_users:\n  a: {HASH}\n b: [",
            [": @ is not YAML: expected <block end>, but found '<block mapping start>' at line 3, column 2"],
        ),
    ],
)
def test_tells_what_is_wrong_and_shows_no_secret(tmp_path: Path, text: str, problems: list[str]) -> None:
    path = tmp_path / "web.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        read(path)
    assert str(raised.value).splitlines() == ["web.config.file" + one.replace("@", str(path)) for one in problems]


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    text = f"tls_server_config: {{cert: a, key: very-secret}}\nbasic_auth_users: {{alice: {HASH}}}\n"
    (tmp_path / "web.yml").write_text(text, encoding="utf-8")
    shown = repr(read(tmp_path / "web.yml"))
    assert HASH not in shown
    assert "very-secret" not in shown
