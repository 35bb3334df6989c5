"""Errors as the APIs answer them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from starlette.exceptions import HTTPException
    from starlette.requests import Request

__all__ = ["ApiError", "PlainError", "answer_error", "answer_http_error"]


class ApiError(Exception):
    """A refusal in the form `{"error": {"code", "message"}}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)

    def body(self) -> object:
        """The JSON of the answer."""
        return {"error": {"code": self.code, "message": self.message}}


class PlainError(ApiError):
    """A refusal of the submission API, whose contract types the bodies of errors as a string."""

    def body(self) -> object:
        """The JSON of the answer."""
        return f"{self.code}: {self.message}"


async def answer_error(_request: Request, error: Exception) -> Response:
    """Answer an `ApiError` (starlette's handlers are typed for any exception)."""
    refusal = cast("ApiError", error)
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(refusal.body(), refusal.status, headers)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Answer what starlette refuses by itself, such as an unknown path, in the APIs' form."""
    refusal = cast("HTTPException", error)
    return await answer_error(request, ApiError(refusal.status_code, refusal.detail.replace(" ", ""), refusal.detail))
