"""The exporter accepts what the chart hands over: `--config.check` with the pod's arguments, environment and files."""

import re
import subprocess
import threading
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from exporter.config.options import options
from exporter.sources.registry import SOURCES
from tests.integration._chart import BIN, CASES, CHART, rendered

# What the webhook of workload identity adds to the pod.
WEBHOOK = {
    "AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000001",
    "AZURE_TENANT_ID": "00000000-0000-0000-0000-000000000002",
    "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
    "AZURE_FEDERATED_TOKEN_FILE": "/etc/azure-marketplace-exporter/federated-token",
}


def pod(case: Path) -> dict[str, Any]:
    (spec,) = (item["spec"] for item in rendered(case) if item["kind"] in {"Deployment", "StatefulSet"})
    return {**spec["template"]["spec"]}


def container(case: Path) -> dict[str, Any]:
    return {**pod(case)["containers"][0]}


def certificate() -> bytes:
    """Make a self-signed certificate with its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "exporter")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = builder.not_valid_before(now).not_valid_after(now + timedelta(days=90)).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + signed.public_bytes(serialization.Encoding.PEM)


def files(case: Path, folder: Path) -> None:
    """Put the files where the pod's volumes would."""
    for name in ("config", "auth", "web"):
        (folder / name).mkdir()
    (folder / "federated-token").write_text("token", "utf-8")
    (folder / "config/exporter.yaml").write_text("publishers: [contoso]", "utf-8")
    tls = {"cert_file": "tls.pem", "key_file": "tls.pem"}
    (folder / "web/web-config.yaml").write_text(yaml.safe_dump({"tls_server_config": tls}), "utf-8")
    for item in rendered(case):
        if item["kind"] == "Secret" and "web-config.yaml" in item["data"]:
            (folder / "web/web-config.yaml").write_bytes(b64decode(item["data"]["web-config.yaml"]))
        if item["kind"] == "ConfigMap" and "config.yaml" in item.get("data", {}):
            (folder / "config/config.yaml").write_text(item["data"]["config.yaml"], "utf-8")
    (folder / "web/tls.pem").write_bytes(certificate())
    for name, item in mounted_secrets(case):
        path = folder / name / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(certificate() if path.suffix == ".pem" else b"sample")


def mounted_secrets(case: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the volume of each key of a secret that the pod mounts, and the key with its path."""
    for volume in pod(case)["volumes"]:
        for source in (volume, *volume.get("projected", {}).get("sources", ())):
            yield from ((volume["name"], item) for item in source.get("secret", {}).get("items", ()))


def environment(case: Path) -> dict[str, str]:
    """Return the container's variables as the kubelet would resolve them."""
    found: dict[str, str] = {}
    for entry in container(case).get("env", []):
        value = entry.get("value", "sample")
        if "fieldRef" in entry.get("valueFrom", {}):
            value = "0"
        found[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda match: found[match[1]], value)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.removesuffix("-values.yaml"))
def test_the_exporter_accepts_the_rendered_configuration(case: Path, tmp_path: Path) -> None:
    files(case, tmp_path)
    variables = environment(case) | WEBHOOK
    places = {"/etc/azure-marketplace-exporter": str(tmp_path), "/var/lib/azure-marketplace-exporter": str(tmp_path)}
    arguments = container(case)["args"]
    for place, here in places.items():
        arguments = [argument.replace(place, here) for argument in arguments]
        variables = {name: value.replace(place, here) for name, value in variables.items()}
    command = [BIN / "azure-marketplace-exporter", *arguments, "--config.check"]
    if "--demo" in arguments:  # it serves at once; what remains are the flags of web and state
        command = [argument for argument in command if argument != "--demo"] + ["--publishers=contoso"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_settings_that_the_chart_keeps_for_itself_exist() -> None:
    """Else `config.web.telemetry_paht` or a setting that was renamed would slip through."""
    text = (CHART / "templates/_validate.tpl").read_text("utf-8")
    (auth,) = re.findall(r"range \$key, \$instead := dict (.*) }}", text)
    kept = {f"auth.{key}" for key in re.findall(r'"([a-z_]+)" "', auth)}
    kept |= set(re.findall(r'"((?:web|collection)\.[a-z_]+)" "', text)) - {"web.config"}
    assert kept <= {option.name for option in options(SOURCES)}
    assert len(kept) == 11


class Healthy(BaseHTTPRequestHandler):
    """Answers as an exporter that asks for a password does."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.mark.parametrize(("status", "code"), [(200, 0), (401, 0), (503, 1)])
def test_the_pod_of_helm_test_tells_good_from_bad(status: int, code: int) -> None:
    (pod,) = (item for item in rendered(CHART / "ci/demo-values.yaml") if item["kind"] == "Pod")
    (tester,) = pod["spec"]["containers"]
    script, url = tester["args"]
    assert url == "http://marketplace-azure-marketplace-exporter.monitoring.svc:10142/-/healthy"
    handler = type("Handler", (Healthy,), {"status": status})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_address[1]}/-/healthy"
        command = [BIN / tester["command"][0], *tester["command"][1:], script, here]
        done = subprocess.run(command, capture_output=True, check=False, env={}, timeout=30)
        server.shutdown()
    assert done.returncode == code
