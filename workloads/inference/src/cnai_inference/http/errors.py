"""Errors in the form of OpenAI's API, without a traceback and without the request's content."""

import logging
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from cnai_inference.errors import Draining, QueueFull, RequestError

log = logging.getLogger(__name__)


def body(message: str, status: int, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    kind = "rate_limit_error" if status == 429 else "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def of(error: RequestError) -> dict[str, Any]:
    return body(str(error), error.status, error.param, error.code)


def response(error: RequestError) -> JSONResponse:
    headers = {}
    if isinstance(error, QueueFull):
        headers["retry-after"] = str(error.retry_after_s)
    if isinstance(error, Draining):
        headers["retry-after"] = "1"
    return JSONResponse(of(error), error.status, headers)


def from_validation(error: ValidationError) -> RequestError:
    """The first problem, by its place and rule; never the value, which may be a prompt."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith(("list[", "function-")))
    return RequestError(f"{place or 'the body'}: {first['msg']}", param=place or None, code=first["type"])


def install(app: FastAPI) -> None:
    async def known(_: Request, error: RequestError) -> JSONResponse:
        return response(error)

    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(body(str(error.detail), error.status_code), error.status_code, error.headers)

    async def unknown(_: Request, error: Exception) -> JSONResponse:
        # The type and place only: the message of an unforeseen error may hold the prompt.
        log.error("unforeseen %s", type(error).__name__)
        return JSONResponse(body("the server met an error that it does not know", 500), 500)

    app.add_exception_handler(RequestError, known)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, http)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, unknown)
