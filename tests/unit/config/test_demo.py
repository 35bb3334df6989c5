from __future__ import annotations

from pydantic import SecretStr

from exporter.config.demo import PUBLISHERS, demo_settings
from exporter.config.settings import (
    ApiSettings,
    AuthSettings,
    CollectionSettings,
    LogSettings,
    PublisherSettings,
    Settings,
    WebSettings,
)
from exporter.simulator import demo

URL = "http://127.0.0.1:12345"


def test_the_demo_asks_the_simulator_and_nobody_else() -> None:
    """Whatever the user has set: no credential of theirs leaves the process."""
    mine = Settings(
        publishers=(PublisherSettings(id="mine"),),
        api=ApiSettings(base_url="https://api.example.com", max_concurrency=2, ca_file="/ca.pem"),  # type: ignore[arg-type]  # texts, as they are given
        auth=AuthSettings(token=SecretStr("sesame")),
        collection=CollectionSettings(stale_after="2h"),  # type: ignore[arg-type]  # texts, as they are given
        web=WebSettings(listen_address=(":1",)),
        log=LogSettings(level="debug"),
    )
    shown = demo_settings(mine, URL)
    assert shown.api.base_url == URL
    assert shown.api.ca_file is None
    assert "sesame" not in shown.secrets()
    assert [one.id for one in shown.publishers] == list(PUBLISHERS)
    assert (shown.web, shown.log, shown.collection.stale_after) == (mine.web, mine.log, 7200.0)


def test_the_publishers_are_those_of_the_scenario() -> None:
    assert set(PUBLISHERS) <= {plan.publisher for plan in demo(epoch=0.0).plans}
