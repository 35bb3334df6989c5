"""What is in the token file is seen by the API and by nobody else."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import TOKEN, StartExporter, StartSimulator, WriteSettings
from .processes import Process
from .test_end_to_end import OFFER


@pytest.mark.parametrize(
    ("by", "accepted", "form"),
    [("file", TOKEN, "logfmt"), ("file", "another-token", "json"), ("environment", "another-token", "logfmt")],
    ids=["accepted", "refused", "refused from the environment"],
)
def test_token_is_never_shown(
    simulator: StartSimulator, exporter: StartExporter, form: str, accepted: str, by: str
) -> None:
    """With all logs on, whether the API takes it or answers 401."""
    api = simulator("--token", accepted)
    api.put_offer("contoso", "linux-vm", OFFER)
    in_environment = by == "environment"
    watched = exporter(
        {
            "api": {"base_url": api.url},
            "log": {"level": "debug", "format": form},
            **({"auth": {"token_file": None}} if in_environment else {}),
        },
        environ={"MARKETPLACE_EXPORTER_AUTH__TOKEN": TOKEN} if in_environment else None,
    )
    watched.wait_for_sample('azure_marketplace_publisher_up{publisher_id="contoso"}', accepted == TOKEN)
    seen = [watched.get(path).text for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/no-such-page")]
    command_line = Path(f"/proc/{watched.pid}/cmdline").read_bytes().decode()
    assert watched.terminate() == 0
    assert "refresh done" in watched.log
    for text in (*seen, command_line, watched.log, watched.output):
        assert TOKEN not in text


@pytest.mark.parametrize("quoted", [TOKEN, TOKEN[:20] + "..."], ids=["whole", "shortened"])
def test_api_that_quotes_the_token(
    simulator: StartSimulator, exporter: StartExporter, tmp_path: Path, quoted: str
) -> None:
    """Its error is shown without it, wherever errors are shown, and though it stands where long texts are cut."""
    api = simulator("--token", TOKEN)
    api.put_offer("contoso", "linux-vm", OFFER)
    said = {"error": {"code": "BadToken", "message": f"{'no ' * 76}{quoted}"}}
    api.control("POST", "faults", json={"kind": "respond", "operation": "offer_status", "status": 400, "body": said})
    state = tmp_path / "state.json"
    watched = exporter({"api": {"base_url": api.url}, "collection": {"state_file": str(state)}})
    watched.wait_for_sample('azure_marketplace_offer_up{offer_id="linux-vm",publisher_id="contoso"}', 0)
    seen = [watched.get(path).text for path in ("/", "/metrics", "/api/v1/offers", "/offers/contoso/linux-vm")]
    assert watched.terminate() == 0
    seen += [gzip.decompress(state.read_bytes()).decode(), watched.log]
    assert sum("BadToken" in text and "[hidden]" in text for text in seen) >= 3
    for text in seen:
        assert TOKEN[:9] not in text


@pytest.mark.parametrize(("token", "action"), [("two words", "--once"), ("two\nlines", "--config.check")])
def test_unusable_token(
    simulator: StartSimulator, run: Callable[..., Process], write_settings: WriteSettings, token: str, action: str
) -> None:
    """What cannot stand in a header is refused at once, without showing it."""
    settings = write_settings({"api": {"base_url": simulator().url}, "auth": {"token_file": None}})
    done = run(f"--config.file={settings}", action, environ={"MARKETPLACE_EXPORTER_AUTH__TOKEN": token})
    assert (done.exit_code, done.output) == (2, "")
    assert done.log.startswith("auth: the token ")
    assert not any(word in done.log for word in token.split())
