"""The exception tree.

ExporterError
+-- ConfigError            the settings are wrong; nothing was started
+-- ServeError             the listening address or TLS material cannot be used
+-- StateFileError         the state file belongs to another process or cannot be written
+-- SourceError            asking a source failed; each class below names its metric reason
    +-- CredentialError    no valid token: none could be had, or the API refused it (401)
    +-- ForbiddenError     the token is valid, the permission is missing (403)
    +-- NotFoundError      the API does not know the publisher or offer (404)
    +-- ThrottledError     the API asked us to slow down (429)
    +-- RefusedError       any other refusal of the request (4xx, unwanted redirect)
    +-- UpstreamError      the API failed (5xx)
    +-- TransportError     no answer: DNS, connection, TLS, reset
    +-- UpstreamTimeoutError   no answer in time
    +-- DecodeError        an answer that cannot be understood
    +-- DeadlineError      not asked at all: the refresh ran out of time
    +-- InternalError      never raised: the name for anything else
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "FAILURES",
    "REASONS",
    "ConfigError",
    "CredentialError",
    "DeadlineError",
    "DecodeError",
    "ExporterError",
    "ForbiddenError",
    "InternalError",
    "NotFoundError",
    "Problem",
    "RefusedError",
    "ServeError",
    "SourceError",
    "StateFileError",
    "ThrottledError",
    "TransportError",
    "UpstreamError",
    "UpstreamTimeoutError",
]

Problem = tuple[str, str]


class ExporterError(Exception):
    """Anything this exporter raises on purpose."""


class ConfigError(ExporterError):
    """Wrong settings: every problem found, as pairs of where it is and what is wrong there."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{where}: {what}" for where, what in problems))


class ServeError(ExporterError):
    """The exporter cannot listen as it was told to."""


class StateFileError(ExporterError):
    """The state file cannot be used."""


class SourceError(ExporterError):
    """Asking a source failed; `reason` is the label value under which that is counted, `remedy` what to do about it."""

    reason: ClassVar[str]
    remedy: ClassVar[str]


class InternalError(SourceError):
    """A fault of the exporter itself."""

    reason = "internal"
    remedy = "Report it with the traceback in the log."


class CredentialError(SourceError):
    """There is no token, or the API does not accept it (401)."""

    reason = "credential"
    remedy = "Replace the secret or token if it expired, and check tenant, client and authority of the settings."


class ForbiddenError(SourceError):
    """The API knows us and says no (403)."""

    reason = "forbidden"
    remedy = "Give the app registration its role for this publisher in Partner Center, and check the publisher's id."


class NotFoundError(SourceError):
    """The API does not know what was asked for (404)."""

    reason = "not_found"
    remedy = "Correct the ids in the settings, or find out who deleted the offer."


class ThrottledError(SourceError):
    """Too many requests (429)."""

    reason = "throttled"
    remedy = "Raise collection.interval or lower api.requests_per_second; see who else uses the credential."


class RefusedError(SourceError):
    """The API refused the request for another reason (other 4xx, an unexpected redirect)."""

    reason = "refused"
    remedy = "Check api.base_url, and whether a proxy or portal stands in between."


class UpstreamError(SourceError):
    """The API answered that it failed (5xx)."""

    reason = "upstream"
    remedy = "Wait: this is Microsoft's to mend. The Azure status page may know more."


class TransportError(SourceError):
    """The request or its answer was lost on the way: DNS, connection, TLS, reset."""

    reason = "transport"
    remedy = "Check DNS, proxy, firewall and api.ca_file between the exporter and the API."


class UpstreamTimeoutError(SourceError):
    """The answer did not come in time."""

    reason = "timeout"
    remedy = "Raise api.timeout if it is always the same offer; else check the network."


class DecodeError(SourceError):
    """The answer is not what the API's documentation promises: not JSON, wrong types, too large."""

    reason = "decode"
    remedy = "See whether a proxy or portal answers instead of the API; else look for a newer version, or report it."


class DeadlineError(SourceError):
    """The refresh ended before this could be asked."""

    reason = "deadline"
    remedy = "Raise collection.timeout together with collection.interval, or share the offers among several exporters."


FAILURES: tuple[type[SourceError], ...] = (
    *sorted(set(SourceError.__subclasses__()) - {InternalError}, key=lambda kind: kind.reason),
    InternalError,
)
REASONS: tuple[str, ...] = tuple(kind.reason for kind in FAILURES)
