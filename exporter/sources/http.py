"""One HTTP client for all sources: session, token, limits, and what went wrong as one of our errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import requests
import urllib3

from exporter.config.settings import ApiSettings
from exporter.domain.errors import DecodeError
from exporter.sources.auth.tokens import TokenSource
from exporter.sources.bounded import BoundedAdapter
from exporter.sources.deadline import Deadline
from exporter.sources.failures import lost, refusal
from exporter.sources.rate_limit import Gate
from exporter.sources.retries import Call, PoliteRetry, current_call
from exporter.telemetry.blotting import Blotter
from exporter.telemetry.metrics import Telemetry, package_version

__all__ = ["ApiClient"]

MAX_BODY = 16 * 1024 * 1024
CHUNK = 64 * 1024
CONNECT_TIMEOUT = 10.0


class ApiClient:
    """Asks one API with one credential; `operations` are the names under which requests are counted."""

    def __init__(
        self,
        *,
        base_url: str,
        tokens: TokenSource,
        gate: Gate,
        settings: ApiSettings,
        telemetry: Telemetry,
        operations: tuple[str, ...],
        monotonic: Callable[[], float],
    ) -> None:
        self._base_url = base_url
        self._tokens = tokens
        self._gate = gate
        self._settings = settings
        self._telemetry = telemetry
        self._monotonic = monotonic
        self._session = requests.Session()
        adapter = BoundedAdapter(pool_maxsize=settings.max_concurrency, max_retries=PoliteRetry(settings.max_retries))
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Content-Type": "application/json",
                "User-Agent": f"azure-marketplace-exporter/{package_version()}",
            }
        )
        # What the environment says of proxies and authorities is looked up once, which saves a fifth of the work of a
        # request. Our own file beats its authorities, and a ~/.netrc has no say at all.
        found = self._session.merge_environment_settings(
            base_url, {}, stream=True, verify=str(settings.ca_file) if settings.ca_file else True, cert=None
        )
        self._session.proxies, self._verify = found["proxies"], found["verify"]
        self._session.trust_env = False
        for operation in operations:
            telemetry.api_request_duration_seconds.labels(operation)

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return self._base_url

    def close(self) -> None:
        """Close all idle connections."""
        self._session.close()

    def get(self, operation: str, path: str, *, params: Mapping[str, str], deadline: Deadline) -> bytes:
        """Fetch one resource.

        A token that is refused is dropped, and the request made once more with a new one.

        Raises:
            SourceError: the subclass names the phase that failed; its text shows at most what the API's error body
                says, cleaned and shortened.
        """
        token = self._tokens.token(deadline)
        status, body = self._ask(operation, path, params, deadline, token)
        if status == requests.codes.unauthorized and self._tokens.drop(token):
            status, body = self._ask(operation, path, params, deadline, self._tokens.token(deadline))
        if status == requests.codes.ok:
            return body
        raise refusal(operation, status, body, Blotter(self._tokens.secrets))

    def _ask(
        self, operation: str, path: str, params: Mapping[str, str], deadline: Deadline, token: str
    ) -> tuple[int, bytes]:
        timeout = self._settings.timeout
        call = Call(operation, deadline, timeout, self._gate, self._telemetry, self._monotonic)
        reset = current_call.set(call)
        code = "none"
        try:
            call.enter()
            with self._send(path, params, call.attempt, token) as response:
                code = str(response.status_code)
                return response.status_code, _read(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise lost(f"{'no' if code == 'none' else 'no whole'} answer to {operation}", error) from error
        finally:
            call.count(code)
            current_call.reset(reset)

    def _send(self, path: str, params: Mapping[str, str], attempt: Deadline, token: str) -> requests.Response:
        limit = max(0.001, attempt.remaining())
        return self._session.get(
            self._base_url + path,
            params=params,
            headers={"Authorization": f"Bearer {token}"},
            timeout=(min(CONNECT_TIMEOUT, limit), limit),
            verify=self._verify,
            allow_redirects=False,  # the token must not follow one to another host, and the API sends none
            stream=True,
        )


def _read(response: requests.Response) -> bytes:
    """Read the body piece by piece, so that its size cannot fill the memory."""
    body = bytearray()
    while piece := response.raw.read1(CHUNK, decode_content=True):
        body += piece
        if len(body) > MAX_BODY:
            raise DecodeError(f"the answer is larger than {MAX_BODY} bytes")
    return bytes(body)
