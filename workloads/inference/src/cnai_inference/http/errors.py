"""Errors in the form of OpenAI's API, without a traceback and without the request's content."""

from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from cnai_inference.errors import Draining, QueueFull, RequestError


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


def v2(request: Request, answer: JSONResponse, message: str) -> JSONResponse:
    """The open inference protocol's form; where it generates, what is wrong with a request is 422."""
    status = answer.status_code
    generates = request.url.path.rpartition("/")[2].startswith("generate")
    kept = {name: value for name, value in answer.headers.items() if name in ("retry-after", "allow")}
    return JSONResponse({"error": message}, 422 if generates and status == 400 else status, kept)


def install(app: FastAPI) -> None:
    async def known(request: Request, error: RequestError) -> JSONResponse:
        answer = response(error)
        return v2(request, answer, str(error)) if request.url.path.startswith("/v2") else answer

    async def http(request: Request, error: HTTPException) -> JSONResponse:
        answer = JSONResponse(body(str(error.detail), error.status_code), error.status_code, error.headers)
        return v2(request, answer, str(error.detail)) if request.url.path.startswith("/v2") else answer

    async def unknown(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse(body("the server met an error that it does not know", 500), 500)

    app.add_exception_handler(RequestError, known)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, http)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, unknown)
