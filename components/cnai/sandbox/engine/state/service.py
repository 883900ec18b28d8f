"""The part of the Pulumi Cloud's HTTP API that the engine's `httpstate` backend asks for."""

import base64
import gzip
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cnai.errors import UserError
from cnai.sandbox.engine.state.journal import JournalError
from cnai.sandbox.engine.state.stacks import ORG, BadRequestError, NotFoundError, Stacks
from cnai.sandbox.engine.state.updates import ConflictError, UnknownUpdateError, Update, Updates
from cnai.sandbox.engine.vault import Vault

Json = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]

_CAPABILITIES = [
    {"capability": "batch-encrypt"},
    {"capability": "deployment-schema-version", "version": 1, "configuration": {"version": 4}},
]
_STATUS: dict[type[Exception], int] = {
    ConflictError: 409,
    UnknownUpdateError: 404,
    NotFoundError: 404,
    BadRequestError: 400,
    JournalError: 400,
    UserError: 400,
}
_ENGINE_VERSION = re.compile(r"\((v[^;)\s]+)")


async def _body(request: Request) -> Any:
    raw = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        raw = gzip.decompress(raw)
    return json.loads(raw) if raw else {}


def _nothing() -> Response:
    return Response(status_code=204)


class Service:
    """The endpoints. Handlers block for as long as a disk write takes: there is one client, and it waits for the answer."""

    def __init__(self, root: Path, vault: Vault, updates: Updates) -> None:
        self.stacks = Stacks(root, updates)
        self.updates = updates
        self.vault = vault

    async def user(self, request: Request) -> Response:
        del request
        user = {"id": ORG, "githubLogin": ORG, "name": ORG, "email": "", "avatarUrl": "", "identities": []}
        return JSONResponse({**user, "organizations": [{"githubLogin": ORG, "name": ORG, "avatarUrl": ""}]})

    async def default_org(self, request: Request) -> Response:
        del request
        return JSONResponse({"GitHubLogin": ORG})

    async def capabilities(self, request: Request) -> Response:
        del request
        return JSONResponse({"capabilities": _CAPABILITIES})

    async def list_stacks(self, request: Request) -> Response:
        return JSONResponse({"stacks": self.stacks.summaries(request.query_params.get("project"))})

    async def has_project(self, request: Request) -> Response:
        return Response(status_code=200 if self.stacks.summaries(request.path_params["project"]) else 404)

    async def create_stack(self, request: Request) -> Response:
        body = await _body(request)
        self.stacks.create({**request.path_params, "stack": body["stackName"]}, body)
        return JSONResponse({})

    async def get_stack(self, request: Request) -> Response:
        return JSONResponse(self.stacks.describe(request.path_params))

    async def delete_stack(self, request: Request) -> Response:
        self.stacks.delete(request.path_params, force=request.query_params.get("force") == "true")
        return _nothing()

    async def rename(self, request: Request) -> Response:
        body = await _body(request)
        self.stacks.rename(request.path_params, body.get("newName"), body.get("newProject"))
        return _nothing()

    async def tags(self, request: Request) -> Response:
        self.stacks.retag(request.path_params, await _body(request))
        return _nothing()

    async def export(self, request: Request) -> Response:
        return JSONResponse(self.stacks.export(request.path_params, str(request.base_url).rstrip("/")))

    async def import_(self, request: Request) -> Response:
        self.stacks.import_(request.path_params, await _body(request))
        return JSONResponse({"updateId": secrets.token_hex(16)})

    async def history(self, request: Request) -> Response:
        done = self.stacks.find(request.path_params).history()
        size = int(request.query_params.get("pageSize", len(done) or 1))
        start = (int(request.query_params.get("page", 1)) - 1) * size
        return JSONResponse({"updates": done[start : start + size]})

    async def latest(self, request: Request) -> Response:
        done = self.stacks.find(request.path_params).history()
        if not done:
            raise NotFoundError("this stack has never been updated")
        return JSONResponse({"info": done[0]})

    async def encrypt(self, request: Request) -> Response:
        plaintext = base64.b64decode((await _body(request)).get("plaintext") or "")
        return JSONResponse({"ciphertext": _text(self.vault.encrypt(plaintext))})

    async def decrypt(self, request: Request) -> Response:
        ciphertext = base64.b64decode((await _body(request)).get("ciphertext") or "")
        return JSONResponse({"plaintext": _text(self.vault.decrypt(ciphertext))})

    async def batch_encrypt(self, request: Request) -> Response:
        plaintexts = [base64.b64decode(text or "") for text in (await _body(request)).get("plaintexts") or []]
        return JSONResponse({"ciphertexts": [_text(self.vault.encrypt(plaintext)) for plaintext in plaintexts]})

    async def batch_decrypt(self, request: Request) -> Response:
        texts: list[str] = (await _body(request)).get("ciphertexts") or []
        clear = {text: _text(self.vault.decrypt(base64.b64decode(text))) for text in texts}
        return JSONResponse({"plaintexts": clear})

    async def noted(self, request: Request) -> Response:
        """What the Cloud keeps a record of and we do not."""
        del request
        return _nothing()

    async def create_update(self, request: Request) -> Response:
        stack = self.stacks.find(request.path_params)
        update = self.updates.create(stack, request.path_params["kind"], await _body(request))
        return JSONResponse({"updateID": update.id})

    async def start_update(self, request: Request) -> Response:
        update, body = self._update(request), await _body(request)
        agent = _ENGINE_VERSION.search(request.headers.get("user-agent", ""))
        version = self.updates.start(update, body.get("tags"), agent[1] if agent else "")
        journal = min(1, body.get("journalVersion") or 0)
        return JSONResponse({"version": version, "token": update.token, "journalVersion": journal})

    async def update_status(self, request: Request) -> Response:
        return JSONResponse({"status": "running", "events": [], "id": self._update(request).id})

    async def renew_lease(self, request: Request) -> Response:
        return JSONResponse({"token": self._update(request).token})

    async def journal_entries(self, request: Request) -> Response:
        self.updates.append(self._update(request), (await _body(request)).get("entries") or [])
        return _nothing()

    async def checkpoint(self, request: Request) -> Response:
        self.updates.replace(self._update(request), await _body(request))
        return _nothing()

    async def events(self, request: Request) -> Response:
        """Of the engine's events only the number of changes is kept: what is not stored cannot leak."""
        for event in (await _body(request)).get("events") or []:
            if summary := event.get("summaryEvent"):
                self._update(request).changes = summary.get("resourceChanges") or {}
        return _nothing()

    async def complete(self, request: Request) -> Response:
        self.updates.complete(self._update(request), (await _body(request)).get("status", "failed"))
        return _nothing()

    async def cancel(self, request: Request) -> Response:
        update = self._update(request)
        raise ConflictError(f"update {update.id} is running: interrupt it (Ctrl-C) where it runs")

    def _update(self, request: Request) -> Update:
        return self.updates.find(request.path_params["id"])

    def app(self, token: str) -> ASGIApp:
        """The service; only requests that carry `token`, or the token of the update that they are about, get in."""
        handlers: Any = dict.fromkeys((*_STATUS, OSError), _refuse)
        app = Starlette(routes=_routes(self), exception_handlers=handlers)
        return _Guard(app, token, self.updates)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


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
        ("POST", stack + "/{kind:str}", service.create_update),
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


class _Guard:
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
            return secrets.compare_digest(given, self.token)
        found = re.search(r"/update/([0-9a-f]+)", request.url.path)
        try:
            return (
                kind == "update-token"
                and bool(found)
                and secrets.compare_digest(given, self.updates.find(found[1]).token)
            )
        except UnknownUpdateError:
            return False
