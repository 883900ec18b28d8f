"""Objects that nobody will ever make ready here: the controllers of most kinds do not run in a sandbox.

Such an object counts as created. It is written down, so that `up` can say so; nothing of it is claimed to be ready.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from cnai.charts.tokens import object_id
from cnai.files import write_atomically
from cnai.kube import Kube
from cnai.paths import SandboxDir
from cnai.sandbox.controllers import serving

Object = dict[str, Any]
NOBODY = frozenset({("networking.k8s.io", "Ingress")})
"""Built-in kinds whose controllers no control plane brings along."""


def attended(kube: Kube, sandbox: SandboxDir | None, obj: Object) -> bool:
    """Whether a controller of the object's kind runs, or is about to. Outside of a sandbox one is taken for granted."""
    if sandbox is None:
        return True
    group = obj["apiVersion"].rpartition("/")[0]
    if (group, obj["kind"]) in NOBODY:
        return False
    if "." not in group:
        return True
    plural = kube.endpoint(obj["apiVersion"], obj["kind"]).plural
    definition = kube.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}")
    return definition is None or serving.serves(sandbox, group)


def reasons(sandbox: SandboxDir | None, obj: Object) -> list[str]:
    """Why an object's controller says nothing, where it is the sandbox's own and has failed."""
    return serving.failures(sandbox, obj["apiVersion"].rpartition("/")[0]) if sandbox else []


def note(sandbox: SandboxDir, obj: Object) -> None:
    file = _file(sandbox, obj)
    file.parent.mkdir(parents=True, exist_ok=True)
    metadata = obj["metadata"]
    record = {
        "group": obj["apiVersion"].rpartition("/")[0],
        "kind": obj["kind"],
        "object": object_id(metadata.get("namespace"), metadata["name"]),
    }
    write_atomically(file, json.dumps(record))


def forget(sandbox: SandboxDir | None, obj: Object) -> None:
    """It is gone, or was waited for after all."""
    if sandbox is not None:
        _file(sandbox, obj).unlink(missing_ok=True)


def noted(sandbox: SandboxDir) -> dict[str, list[str]]:
    """The objects by `Kind.group`, in order."""
    found: dict[str, list[str]] = {}
    for path in sorted(_folder(sandbox).glob("*.json")):
        record: dict[str, str] = json.loads(path.read_text())
        found.setdefault(f"{record['kind']}.{record['group']}", []).append(record["object"])
    return {kind: sorted(found[kind]) for kind in sorted(found)}


def _folder(sandbox: SandboxDir) -> Path:
    return sandbox.report / "unattended"


def _file(sandbox: SandboxDir, obj: Object) -> Path:
    metadata = obj["metadata"]
    group = obj["apiVersion"].rpartition("/")[0]
    key = "\0".join((group, obj["kind"], metadata.get("namespace") or "", metadata["name"]))
    return _folder(sandbox) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
