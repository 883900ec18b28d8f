"""The stacks below one folder: finding, making, exporting, importing, renaming and deleting them."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cnai.engine.state.store import StackFolder, StackName
from cnai.engine.state.updates import ConflictError, Updates

Json = dict[str, Any]
ORG = "sandbox"
"""The one organisation, and the one user, of the state service."""


class NotFoundError(Exception):
    """No such stack."""


class BadRequestError(Exception):
    """What was asked for cannot be done to this stack."""


class Stacks:
    """The store of one project directory."""

    def __init__(self, root: Path, updates: Updates) -> None:
        self._root = root
        self._updates = updates

    def _name(self, params: Json) -> StackName:
        return StackName(params["org"], params["project"], params["stack"])

    def find(self, params: Json) -> StackFolder:
        """Raises `NotFoundError`."""
        name = self._name(params)
        folder = StackFolder(name.folder(self._root))
        if not folder.exists:
            raise NotFoundError(f"no stack {name.stack} of project {name.project}")
        return folder

    def exists(self, params: Json) -> bool:
        return StackFolder(self._name(params).folder(self._root)).exists

    def create(self, params: Json, body: Json) -> None:
        name = self._name(params)
        folder = StackFolder(name.folder(self._root))
        if folder.exists:
            raise ConflictError(f"stack {name.stack} of project {name.project} exists already")
        folder.create(body.get("tags") or {})
        if state := body.get("state"):
            folder.write_untyped(state)

    def describe(self, params: Json) -> Json:
        """An `apitype.Stack`."""
        folder = self.find(params)
        name, update = self._name(params), self._updates.on(folder.path)
        stack = {"id": name.stack, "orgName": name.org, "projectName": name.project, "stackName": name.stack}
        return {**stack, **folder.facts(), "activeUpdate": update.id if update else ""}

    def summaries(self, project: str | None) -> list[Json]:
        """`apitype.StackSummary` of each stack, of one project or of all."""
        found = sorted(self._root.glob(f"{ORG}/{project or '*'}/*/stack.json"))
        return [self._summary(StackFolder(path.parent)) for path in found]

    def _summary(self, folder: StackFolder) -> Json:
        count = len(folder.checkpoint()["deployment"].get("resources") or [])
        summary: Json = {"id": folder.path.name, "orgName": ORG, "projectName": folder.path.parent.name}
        summary |= {"stackName": folder.path.name, "resourceCount": count, "links": {"self": ""}}
        if history := folder.history():
            summary["lastUpdate"] = history[0]["endTime"]
        return summary

    def export(self, params: Json, url: str) -> Json:
        """An `apitype.UntypedDeployment`: the checkpoint, with the journal of a crashed or running update on top.

        Its secrets provider is this service, at the address that it has today.
        """
        folder = self.find(params)
        self._settle_if_idle(folder)
        replay, journaled = folder.replayed()
        checkpoint = folder.checkpoint()
        deployment: Json = replay.deployment() if journaled else checkpoint["deployment"]
        provider = deployment.get("secrets_providers") or {}
        if provider.get("type") == "service":
            state = {**(provider.get("state") or {}), "url": url}
            deployment = {**deployment, "secrets_providers": {**provider, "state": state}}
        return {key: checkpoint[key] for key in checkpoint if key != "serial"} | {"deployment": deployment}

    def _settle_if_idle(self, folder: StackFolder) -> None:
        descriptor = folder.lock()
        if descriptor is None:
            return
        try:
            self._updates.settle(folder)
        finally:
            os.close(descriptor)

    def import_(self, params: Json, untyped: Json) -> None:
        with self._held(self.find(params)) as folder:
            folder.write_untyped(untyped)

    def retag(self, params: Json, tags: Json) -> None:
        folder = self.find(params)
        folder.write_facts({**folder.facts(), "tags": tags})

    def rename(self, params: Json, new_name: str | None, new_project: str | None) -> None:
        name = self._name(params)
        target = StackName(name.org, new_project or name.project, new_name or name.stack).folder(self._root)
        if target.exists():
            raise ConflictError(f"{target.name} exists already")
        with self._held(self.find(params)) as folder:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.path.rename(target)

    def delete(self, params: Json, *, force: bool) -> None:
        with self._held(self.find(params)) as folder:
            self._updates.settle(folder)
            if folder.checkpoint()["deployment"].get("resources") and not force:
                # The engine knows this sentence, and explains it to the user.
                raise BadRequestError("Bad Request: Stack still contains resources.")
            folder.remove()

    @contextmanager
    def _held(self, folder: StackFolder) -> Generator[StackFolder]:
        descriptor = folder.lock()
        if descriptor is None:
            raise ConflictError(f"an update of the stack {folder.path.name} is in progress: wait until it has ended")
        try:
            yield folder
        finally:
            os.close(descriptor)
