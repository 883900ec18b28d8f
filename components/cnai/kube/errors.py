"""What the API server refuses, in its own words."""

import json
from collections.abc import Mapping
from typing import Any, cast

import httpx2


class ApiError(Exception):
    """What the API server answered, in its own words; `status` 0 means that no answer came."""

    def __init__(self, status: int, message: str, reason: str = "", body: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.body = dict(body or {})


class NoKindError(ApiError):
    """The API server does not serve this kind (yet)."""


def refusal(response: httpx2.Response) -> ApiError:
    try:
        body: Any = json.loads(response.content)
    except ValueError:
        return ApiError(response.status_code, response.text.strip() or response.reason_phrase)
    given = cast("dict[str, Any]", body) if isinstance(body, dict) else {"message": str(body)}
    return as_error(response.status_code, given)


def as_error(status: int, body: Mapping[str, Any]) -> ApiError:
    """From a `Status` object."""
    message = str(body.get("message") or body.get("reason") or f"HTTP {status}")
    return ApiError(status, message, str(body.get("reason") or ""), body)
