"""What went wrong with a request, as one of our errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import requests
import urllib3

from exporter.domain.errors import (
    CredentialError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    SourceError,
    ThrottledError,
    TransportError,
    UpstreamError,
    UpstreamTimeoutError,
)
from exporter.domain.texts import text

__all__ = ["lost", "refusal", "says_unsupported"]

ERROR_BODY = 8192
MAX_DETAIL = 500

_REFUSALS: dict[int, type[SourceError]] = {
    401: CredentialError,
    403: ForbiddenError,
    404: NotFoundError,
    408: UpstreamTimeoutError,
    429: ThrottledError,
}


def lost(what: str, error: Exception) -> SourceError:
    """Tell a time-out that urllib3 may have wrapped from all other losses; `what` is lost, such as "no answer to x"."""
    chain: list[BaseException] = [error]  # to its innermost reason; the outer ones repeat the URL and object addresses
    while (inner := chain[-1].__cause__ or chain[-1].__context__) and not isinstance(inner, SourceError):
        chain.append(inner)
    if any(_is_timeout(one) for one in chain):
        return UpstreamTimeoutError(f"{what} in time")
    return TransportError(f"{what}: {text(f'{type(chain[-1]).__name__}: {chain[-1]}'.rstrip(': '))}")


def _is_timeout(error: BaseException) -> bool:
    """Tell a time-out from a refused connection or an unknown host, which urllib3 derives from it."""
    kinds = TimeoutError | urllib3.exceptions.TimeoutError | requests.Timeout
    return isinstance(error, kinds) and not isinstance(error, urllib3.exceptions.NewConnectionError)


def refusal(operation: str, status: int, body: bytes, blot: Callable[[str], str]) -> SourceError:
    """Name the error of an answer that is no success; its text shows at most what the error body says, cleaned.

    `blot` hides secrets, because an API may quote the token that it refuses.
    """
    kind = _REFUSALS.get(status, UpstreamError if status >= requests.codes.server_error else RefusedError)
    detail = text(blot(_error_detail(body)), MAX_DETAIL)
    return kind(f"{operation} was answered with {status}{': ' + detail if detail else ''}")


def _error_detail(body: bytes) -> str:
    """What an error body says: `{"error": {"code", "message", "details"}}` or a bare JSON string; it may say nothing."""
    try:
        said: Any = json.loads(body[:ERROR_BODY])
        if isinstance(said, str):
            return said
        error = said["error"]
        return f"{error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


_UNSUPPORTED = re.compile(r"\b(?:not (?:supported|applicable)|unsupported)\b", re.IGNORECASE)
_OF_PRODUCT = re.compile(r"product|offer|\btype\b", re.IGNORECASE)


def says_unsupported(error: SourceError) -> bool:
    """True if the answer's own words are that this API does not serve products of this kind.

    Seen are "The product type 'x' is not supported." and "The API you have called is not applicable for this product". An
    unsupported version of the API is another matter.
    """
    said = str(error)
    return bool(_UNSUPPORTED.search(said) and _OF_PRODUCT.search(said)) and "version" not in said.lower()
