"""The part of the Pulumi Cloud's HTTP API that the engine's `httpstate` backend asks for."""

import base64
import gzip
import json
import re
import secrets
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cnai.engine.state.stacks import ORG, NotFoundError, Stacks
from cnai.engine.state.updates import ConflictError, Update, Updates
from cnai.engine.vault import Vault

Json = dict[str, Any]

_CAPABILITIES = [
    {"capability": "batch-encrypt"},
    {"capability": "deployment-schema-version", "version": 1, "configuration": {"version": 4}},
]
_ENGINE_VERSION = re.compile(r"\((v[^;)\s]+)")


async def _body(request: Request) -> Any:
    raw = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        raw = gzip.decompress(raw)
    return json.loads(raw) if raw else {}


def _nothing() -> Response:
    return Response(status_code=204)


class Service:
    """The endpoints. A handler blocks while it writes to disk: there is one client, and it waits for the answer."""

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
        stack, kind = self.stacks.find(request.path_params), request.path_params["kind"]
        if kind not in ("update", "preview", "refresh", "destroy"):
            raise NotFoundError(f"no such operation: {kind}")
        update = self.updates.create(stack, kind, await _body(request))
        return JSONResponse({"updateID": update.id})

    async def start_update(self, request: Request) -> Response:
        update, body = self._update(request), await _body(request)
        agent = _ENGINE_VERSION.search(request.headers.get("user-agent", ""))
        version = self.updates.start(update, body.get("tags"), agent[1] if agent else "")
        journal = min(1, body.get("journalVersion") or 0)
        return JSONResponse({"version": version, "token": update.token, "journalVersion": journal})

    async def update_status(self, request: Request) -> Response:
        """An import is done by the time that the engine asks for its status."""
        running = self.updates.is_running(request.path_params["id"])
        return JSONResponse({"status": "running" if running else "succeeded", "events": []})

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


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
