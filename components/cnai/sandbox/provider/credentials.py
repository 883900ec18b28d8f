"""A kubeconfig's cluster, reached as client-go would: its `exec` users asked, and in a sandbox no other cluster."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from cnai.errors import UserError
from cnai.kube import Kube
from cnai.paths import SandboxDir

Object = dict[str, Any]
LONGEST_S = 60.0
_FROM_COMMAND = {
    "token": "token",
    "clientCertificateData": "client-certificate-data",
    "clientKeyData": "client-key-data",
}
"""Fields of an ExecCredential's status, and what a kubeconfig's user has in their place."""


def connected(path: Path, context: str | None, sandbox: SandboxDir | None) -> Kube:
    """Raises `UserError` where the file, its command or, in a sandbox, its server will not do."""
    try:
        text = path.expanduser().read_text()
    except OSError as error:
        raise UserError(f"kubeconfig {path}: {error.strerror}") from error
    kube = Kube.from_content(resolved(text, context), context, path)
    if sandbox is not None:
        refuse_others(kube.server, sandbox)
    return kube


def refuse_others(server: str, sandbox: SandboxDir) -> None:
    """Nothing that is flown in a sandbox may touch a real cluster."""
    own = own_server(sandbox)
    if own is not None and server.rstrip("/") != own.rstrip("/"):
        raise UserError(
            f"the kubeconfig names {server}, which is not the control plane of the sandbox {sandbox.env} ({own}): "
            "in a sandbox nothing else is touched; use the kubeconfig that the cluster resource or the sandbox gives"
        )


def own_server(sandbox: SandboxDir) -> str | None:
    try:
        document: Any = yaml.safe_load(sandbox.kubeconfig.read_text())
    except FileNotFoundError:
        return None
    return str(document["clusters"][0]["cluster"]["server"])


def resolved(text: str, context: str | None) -> str:
    """The kubeconfig with what the context's `exec` command answers in its place; as it is where there is none."""
    if "exec" not in text:
        return text
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        return text  # `Kube` says what is wrong with it
    if not isinstance(document, dict):
        return text
    config = cast("Object", document)
    user = _user(config, context)
    if user is None or "exec" not in user:
        return text
    user |= _answered(user.pop("exec"))
    return json.dumps(config)


def _user(config: Object, context: str | None) -> Object | None:
    wanted = context or config.get("current-context")
    named = _entry(config, "contexts", wanted, "context") or {}
    return _entry(config, "users", named.get("user"), "user")


def _entry(config: Object, kind: str, name: Any, body: str) -> Object | None:
    return next((each.get(body) for each in config.get(kind) or [] if each.get("name") == name), None)


def _answered(command: Mapping[str, Any]) -> Object:
    """What the command prints, as the fields of a user."""
    words = [str(command["command"]), *map(str, command.get("args") or ())]
    version = command.get("apiVersion", "client.authentication.k8s.io/v1beta1")
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    own = {each["name"]: each["value"] for each in command.get("env") or ()}
    variables = os.environ | {"KUBERNETES_EXEC_INFO": json.dumps(info)} | own
    try:
        done = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"kubeconfig: `{' '.join(words)}` cannot be run: {error}") from error
    if done.returncode:
        raise UserError(f"kubeconfig: `{' '.join(words)}` failed: {done.stderr.strip()}")
    return _fields(words, done.stdout, version)


def _fields(words: list[str], printed: str, version: str) -> Object:
    try:
        answer: Any = json.loads(printed)
        status: Mapping[str, str] = answer["status"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"kubeconfig: `{' '.join(words)}` printed no ExecCredential") from error
    if answer.get("apiVersion") != version:
        raise UserError(f"kubeconfig: `{' '.join(words)}` answers in {answer.get('apiVersion')}, asked for {version}")
    return {
        theirs: _base64(value) if ours != "token" else value
        for ours, theirs in _FROM_COMMAND.items()
        if (value := status.get(ours))
    }


def _base64(pem: str) -> str:
    import base64

    return base64.b64encode(pem.encode()).decode()
