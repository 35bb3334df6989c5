"""One HTTP client for all sources: session, token, retries, limits, and what went wrong as one of our errors."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import requests
import urllib3

from exporter.config.settings import ApiSettings
from exporter.domain.errors import DecodeError, SourceError, UpstreamError
from exporter.sources.auth.tokens import TokenSource
from exporter.sources.bounded import CONNECT_TIMEOUT, BoundedAdapter, current_deadline
from exporter.sources.deadline import Deadline
from exporter.sources.failures import lost, refusal
from exporter.sources.rate_limit import RateLimiter
from exporter.sources.retries import RETRIED, TOO_MANY, pause_after, retry_after
from exporter.telemetry.blotting import HIDDEN, SHORTEST, Blotter
from exporter.telemetry.metrics import Telemetry, package_version

__all__ = ["ApiClient"]

MAX_BODY = 16 * 1024 * 1024
CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Reply:
    """What came of one attempt: an answer, or `error` if it was lost on the way."""

    status: int = 0
    body: bytes = b""
    retry_after: float | None = None
    error: SourceError | None = None


class ApiClient:
    """Asks one API with one credential; `operations` are the names under which requests are counted."""

    def __init__(
        self,
        *,
        base_url: str,
        tokens: TokenSource,
        limiter: RateLimiter,
        settings: ApiSettings,
        telemetry: Telemetry,
        operations: tuple[str, ...],
    ) -> None:
        self.base_url = base_url
        self._tokens = tokens
        self._blot = Blotter(tokens.secrets)
        self._limiter = limiter
        self._settings = settings
        self._telemetry = telemetry
        self._session = requests.Session()
        adapter = BoundedAdapter(pool_maxsize=settings.max_concurrency)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
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

    def close(self) -> None:
        """Close all idle connections."""
        self._session.close()

    def get(self, operation: str, path: str, *, params: Mapping[str, str], deadline: Deadline) -> bytes:
        """Fetch one resource.

        A token that is refused is dropped, and the request made once more with a new one.

        Raises:
            SourceError: the subclass names the phase that failed; its text shows at most what the API's error body
                says, cleaned, shortened and without secrets.
        """
        token = self._tokens.token(deadline)
        reply = self._ask(operation, path, params, deadline, token)
        if reply.status == requests.codes.unauthorized and self._tokens.drop(token):
            reply = self._ask(operation, path, params, deadline, self._tokens.token(deadline))
        if reply.error is not None:
            raise reply.error
        if reply.status == requests.codes.ok:
            return self._without_secrets(reply.body)
        raise refusal(operation, reply.status, reply.body, self._blot)

    def _without_secrets(self, body: bytes) -> bytes:
        """An answer that quotes a secret, which would be shown like any other text of it."""
        for secret in self._tokens.secrets():
            if len(secret) >= SHORTEST:
                body = body.replace(secret.encode(), HIDDEN.encode())
        return body

    def _ask(self, operation: str, path: str, params: Mapping[str, str], deadline: Deadline, token: str) -> _Reply:
        """Ask until there is an answer that another attempt would not change, or no attempt is left."""
        self._limiter.acquire(deadline)
        for failures in itertools.count(1):
            reply = self._attempt(operation, path, params, deadline, token)
            if reply.error is None and reply.status not in RETRIED:
                break
            seconds = pause_after(failures, reply.retry_after)
            if reply.status == TOO_MANY:
                self._telemetry.api_throttled_total.inc()
                self._limiter.pause(seconds)  # for everybody who asks this API
            if failures > self._settings.max_retries:
                break
            if reply.status != TOO_MANY:
                no_time = UpstreamError(
                    f"answered with {reply.status}, and {seconds:.0f} s to wait are more than are left"
                )
                self._limiter.sleep(seconds, deadline, reply.error or no_time)
            self._limiter.acquire(deadline)
            self._telemetry.api_retries_total.inc()
        return reply

    def _attempt(self, operation: str, path: str, params: Mapping[str, str], deadline: Deadline, token: str) -> _Reply:
        started, code = deadline.now(), "none"
        reset = current_deadline.set(deadline.within(self._settings.timeout))
        try:
            with self._send(path, params, token) as response:
                code = str(response.status_code)
                asked = retry_after(response.headers.get("Retry-After"))
                return _Reply(response.status_code, _read(response), asked)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            said = lost(f"{'no' if code == 'none' else 'no whole'} answer to {operation}", error)
            said.__cause__ = error
            return _Reply(error=said)
        finally:
            current_deadline.reset(reset)
            self._telemetry.api_requests_total.labels(operation, code).inc()
            self._telemetry.api_request_duration_seconds.labels(operation).observe(deadline.now() - started)

    def _send(self, path: str, params: Mapping[str, str], token: str) -> requests.Response:
        return self._session.get(
            self.base_url + path,
            params=params,
            headers={"Authorization": f"Bearer {token}"},
            timeout=(CONNECT_TIMEOUT, self._settings.timeout),
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
