"""Which endpoint answers which request, and who may ask at all."""

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cnai.engine.state.journal import JournalError
from cnai.engine.state.service import Service
from cnai.engine.state.stacks import BadRequestError, NotFoundError
from cnai.engine.state.updates import ConflictError, UnknownUpdateError, Updates
from cnai.errors import UserError

Endpoint = Callable[[Request], Awaitable[Response]]

_STATUS: dict[type[Exception], int] = {
    ConflictError: 409,
    UnknownUpdateError: 404,
    NotFoundError: 404,
    BadRequestError: 400,
    JournalError: 400,
    UserError: 400,
}


def application(service: Service, token: str) -> ASGIApp:
    """The service; only requests that carry `token`, or the token of the update that they are about, get in."""
    handlers: Any = dict.fromkeys((*_STATUS, OSError), _refuse)
    return Guard(Starlette(routes=_routes(service), exception_handlers=handlers), token, service.updates)


async def _refuse(request: Request, error: Exception) -> Response:
    del request
    status = _STATUS.get(type(error), 507)
    return JSONResponse({"code": status, "message": str(error)}, status)


def _routes(service: Service) -> list[Route]:
    stack = "/api/stacks/{org}/{project}/{stack}"
    update = stack + "/update/{id}"
    table: list[tuple[str, str, Endpoint]] = [
        ("GET", "/api/user", service.user),
        ("GET", "/api/user/stacks", service.list_stacks),
        ("GET", "/api/user/organizations/default", service.default_org),
        ("GET", "/api/capabilities", service.capabilities),
        ("HEAD", "/api/stacks/{org}/{project}", service.has_project),
        ("POST", "/api/stacks/{org}/{project}", service.create_stack),
        ("GET", stack, service.get_stack),
        ("DELETE", stack, service.delete_stack),
        ("POST", stack + "/rename", service.rename),
        ("PATCH", stack + "/tags", service.tags),
        ("GET", stack + "/export", service.export),
        ("POST", stack + "/import", service.import_),
        ("GET", stack + "/updates", service.history),
        ("GET", stack + "/updates/latest", service.latest),
        ("POST", stack + "/encrypt", service.encrypt),
        ("POST", stack + "/decrypt", service.decrypt),
        ("POST", stack + "/batch-encrypt", service.batch_encrypt),
        ("POST", stack + "/batch-decrypt", service.batch_decrypt),
        ("POST", stack + "/decrypt/{what}", service.noted),
        ("POST", stack + "/{kind}", service.create_update),
        ("POST", update, service.start_update),
        ("GET", update, service.update_status),
        ("POST", update + "/renew_lease", service.renew_lease),
        ("PATCH", update + "/journalentries", service.journal_entries),
        ("PATCH", update + "/checkpoint", service.checkpoint),
        ("POST", update + "/events/batch", service.events),
        ("POST", update + "/complete", service.complete),
        ("POST", update + "/cancel", service.cancel),
    ]
    return [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]


class Guard:
    """Refuses whoever does not hold the session's token."""

    def __init__(self, app: ASGIApp, token: str, updates: Updates) -> None:
        self.app, self.token, self.updates = app, token, updates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._allowed(Request(scope)):
            await self.app(scope, receive, send)
        else:
            refusal = JSONResponse({"code": 401, "message": "this state service answers its own session only"}, 401)
            await refusal(scope, receive, send)

    def _allowed(self, request: Request) -> bool:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind == "token":
            return secrets.compare_digest(given.encode(), self.token.encode())
        found = re.search(r"/update/([0-9a-f]+)", request.url.path)
        if kind != "update-token" or not found or not self.updates.is_running(found[1]):
            return False
        return secrets.compare_digest(given.encode(), self.updates.find(found[1]).token.encode())
