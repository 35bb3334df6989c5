"""How azure-identity reaches its endpoints: all requests of a fetch, headers and bodies, within one deadline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from exporter.sources.bounded import BoundedAdapter, current_deadline

__all__ = ["transport"]

CONNECT_TIMEOUT = 10.0


class _Adapter(BoundedAdapter):
    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        left = current_deadline.get().remaining()
        if left <= 0:
            raise requests.ConnectTimeout("the time for a token is over", request=request)
        connect, read = options["timeout"]
        options["timeout"] = min(connect, left), min(read, left)
        return super().send(request, *arguments, **options)


def transport(ca_file: Path | None) -> Any:
    """Make a transport of azure-core that keeps to `current_deadline` and believes the authorities of `ca_file`."""
    from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415 - a static token does not need it

    session = requests.Session()
    # One token an hour is no reason to keep a connection, which may be dead by then.
    session.headers["Connection"] = "close"
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter())
    verify = True if ca_file is None else str(ca_file)
    return RequestsTransport(session=session, connection_timeout=CONNECT_TIMEOUT, connection_verify=verify)
