"""One HTTP client for all sources: session, token, limits, and what went wrong as one of our errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from exporter.credentials import TokenSource
from exporter.errors import (
    CredentialError,
    DecodeError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    SourceError,
    ThrottledError,
    TransportError,
    UpstreamError,
    UpstreamTimeoutError,
)
from exporter.settings import ApiSettings
from exporter.sources.base import Deadline
from exporter.sources.wire import text
from exporter.telemetry import Telemetry, package_version

__all__ = ["ApiClient"]

MAX_BODY = 16 * 1024 * 1024
CHUNK = 64 * 1024
CONNECT_TIMEOUT = 10.0
ERROR_BODY = 2048

_REFUSALS: dict[int, type[SourceError]] = {
    401: CredentialError,
    403: ForbiddenError,
    404: NotFoundError,
    408: UpstreamTimeoutError,
    429: ThrottledError,
}


class ApiClient:
    """Asks one API with one credential; `operations` are the names under which requests are counted."""

    def __init__(
        self,
        *,
        base_url: str,
        tokens: TokenSource,
        settings: ApiSettings,
        telemetry: Telemetry,
        operations: tuple[str, ...],
        monotonic: Callable[[], float],
    ) -> None:
        self._base_url = base_url
        self._tokens = tokens
        self._settings = settings
        self._telemetry = telemetry
        self._monotonic = monotonic
        self._session = requests.Session()
        adapter = HTTPAdapter(pool_maxsize=settings.max_concurrency)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Content-Type": "application/json",
                "User-Agent": f"azure-marketplace-exporter/{package_version()}",
            }
        )
        for operation in operations:
            telemetry.histogram("api_request_duration_seconds").labels(operation)

    def close(self) -> None:
        """Close all idle connections."""
        self._session.close()

    def get(self, operation: str, path: str, *, params: Mapping[str, str], deadline: Deadline) -> bytes:
        """Fetch one resource.

        Raises:
            SourceError: the subclass names the phase that failed; its text shows at most what the API's error body
                says, cleaned and shortened.
        """
        deadline.check()
        limit = Deadline(min(self._settings.timeout, deadline.remaining()), self._monotonic)
        headers = {"Authorization": f"Bearer {self._tokens.token()}"}
        started = self._monotonic()
        code = "none"
        try:
            with self._session.get(
                self._base_url + path,
                params=params,
                headers=headers,
                timeout=(min(CONNECT_TIMEOUT, limit.remaining()), limit.remaining()),
                # Per call, because REQUESTS_CA_BUNDLE in the environment beats the session's own setting.
                verify=str(self._settings.ca_file) if self._settings.ca_file else True,
                allow_redirects=False,  # the token must not follow one to another host, and the API sends none
                stream=True,
            ) as response:
                code = str(response.status_code)
                body = _read(response, limit)
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise UpstreamTimeoutError(f"no answer to {operation} within {self._settings.timeout:g} s") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportError(f"no answer to {operation}: {_cause(error)}") from error
        finally:
            self._telemetry.counter("api_requests_total").labels(operation, code).inc()
            self._telemetry.histogram("api_request_duration_seconds").labels(operation).observe(
                self._monotonic() - started
            )
        if response.status_code == requests.codes.ok:
            return body
        raise _refusal(operation, response.status_code, body)


def _read(response: requests.Response, limit: Deadline) -> bytes:
    """Read the body piece by piece, so that neither its size nor a server that drips can hold us."""
    body = bytearray()
    while piece := response.raw.read1(CHUNK, decode_content=True):
        body += piece
        if len(body) > MAX_BODY:
            raise DecodeError(f"the answer is larger than {MAX_BODY} bytes")
        if limit.remaining() <= 0:
            raise UpstreamTimeoutError("the answer did not end in time")
    return bytes(body)


def _cause(error: BaseException) -> str:
    """Name the innermost reason of a transport error; the outer ones repeat the URL and object addresses."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return text(f"{type(error).__name__}: {error}".rstrip(": "))


def _refusal(operation: str, status: int, body: bytes) -> SourceError:
    kind = _REFUSALS.get(status, UpstreamError if status >= requests.codes.server_error else RefusedError)
    detail = _error_detail(body)
    return kind(f"{operation} was answered with {status}{': ' + detail if detail else ''}")


def _error_detail(body: bytes) -> str:
    """Take code and message out of an error body `{"error": {"code", "message"}}`; it is optional."""
    try:
        error: Any = json.loads(body[:ERROR_BODY])["error"]
        return text(f"{error['code']}: {error['message']}")
    except (ValueError, KeyError, TypeError):
        return ""
