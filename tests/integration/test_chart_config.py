"""The exporter accepts what the chart hands over: `--config.check` with the pod's arguments, environment and files."""

from __future__ import annotations

import re
import subprocess
import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from exporter.cli import main
from exporter.config.options import options
from exporter.sources.registry import SOURCES
from tests.certificates import client_certificate
from tests.integration._chart import BIN, CHART, each_case, objects, rendered, workload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration._chart import Object

# What the webhook of workload identity adds to the pod.
WEBHOOK = {
    "AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000001",
    "AZURE_TENANT_ID": "00000000-0000-0000-0000-000000000002",
    "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
    "AZURE_FEDERATED_TOKEN_FILE": "/etc/azure-marketplace-exporter/federated-token",
}
SAMPLES = {
    "federated-token": "token",
    "config/exporter.yaml": "publishers: [contoso]",
    "web/web-config.yaml": "tls_server_config: {cert_file: tls.pem, key_file: tls.pem}",
}


def files(case: Path) -> Iterator[tuple[str, str]]:
    """Yield path and content of the text files in the pod's volumes, samples of those that the release does not make."""
    yield from SAMPLES.items()
    for item in objects(rendered(case), "ConfigMap"):
        yield from ((f"config/{name}", content) for name, content in item.get("data", {}).items())
    for item in objects(rendered(case), "Secret"):
        yield from ((f"web/{name}", b64decode(content).decode()) for name, content in item["data"].items())
    for volume in workload(case)["spec"]["template"]["spec"]["volumes"]:
        for source in (volume, *volume.get("projected", {}).get("sources", ())):
            for item in source.get("secret", {}).get("items", ()):
                yield f"{volume['name']}/{item['path']}", "sample"


def environment(container: Object) -> dict[str, str]:
    """Return the container's variables as the kubelet would resolve them."""
    found: dict[str, str] = {}
    for entry in container.get("env", []):
        value = "0" if "fieldRef" in entry.get("valueFrom", {}) else entry.get("value", "sample")
        found[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda match: found[match[1]], value)
    return found


@each_case
def test_the_exporter_accepts_the_rendered_configuration(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in files(case):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, "utf-8")
    container = workload(case)["spec"]["template"]["spec"]["containers"][0]
    places = re.compile("/(etc|var/lib)/azure-marketplace-exporter")
    arguments = [places.sub(str(tmp_path), argument) for argument in container["args"]]
    for name, value in (environment(container) | WEBHOOK).items():
        monkeypatch.setenv(name, places.sub(str(tmp_path), value))
    for path in {*tmp_path.rglob("*.pem"), tmp_path / "web/tls.pem"}:
        client_certificate(path, days=90)
    assert main([*arguments, "--config.check"]) == 0, capsys.readouterr().err
    assert capsys.readouterr().err == ""


def test_the_settings_that_the_chart_keeps_for_itself_exist() -> None:
    """Else `config.web.telemetry_paht` or a setting that was renamed would slip through."""
    text = (CHART / "templates/_validate.tpl").read_text("utf-8")
    (auth,) = re.findall(r"range \$key, \$instead := dict (.*) }}", text)
    kept = {f"auth.{key}" for key in re.findall(r'"([a-z_]+)" "', auth)}
    kept |= set(re.findall(r'"((?:web|collection)\.[a-z_]+)" "', text)) - {"web.config"}
    assert kept <= {option.name for option in options(SOURCES)}
    assert len(kept) == 11


@pytest.mark.parametrize(("status", "code"), [(200, 0), (401, 0), (503, 1)])
def test_the_pod_of_helm_test_tells_good_from_bad(status: int, code: int) -> None:
    """401 is the answer of an exporter that asks for a password."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            self.end_headers()

    (pod,) = objects(rendered(CHART / "ci/demo-values.yaml"), "Pod")
    (tester,) = pod["spec"]["containers"]
    script, url = tester["args"]
    assert url == "http://marketplace-azure-marketplace-exporter.monitoring.svc:10142/-/healthy"
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_address[1]}/-/healthy"
        command = [BIN / tester["command"][0], *tester["command"][1:], script, here]
        done = subprocess.run(command, capture_output=True, check=False, env={}, timeout=30)
        server.shutdown()
    assert done.returncode == code
