"""Stand-ins for `aws`, `gke-gcloud-auth-plugin` and `kubelogin`: they answer a kubeconfig, and nobody else."""

import base64
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

from cnai.files import write_atomically
from cnai.paths import SandboxDir

VERSIONS = ("v1beta1", "v1")
SCRIPT = Template("""#!/bin/sh
# The sandbox's stand-in for `$command`: it answers what a kubeconfig asks, and nothing else.
case "$$KUBERNETES_EXEC_INFO" in
*client.authentication.k8s.io/v1\\"*) version=v1 ;;
*) version=v1beta1 ;;
esac
case " $$* " in
$pattern) exec cat $folder/exec-credential-$$version.json ;;
esac
echo "$command: this is the sandbox's stand-in, which only answers $asked; got: $command $$*" >&2
exit 2
""")
COMMANDS: Mapping[str, tuple[str, str]] = {
    "aws": ('*" eks get-token "*"--cluster-name "*', "eks get-token --cluster-name NAME"),
    "gke-gcloud-auth-plugin": ('"  "', "a call without arguments"),
    "kubelogin": ('*" get-token "*', "get-token"),
}
"""Command → the shell pattern of what it answers, and the same in words."""


def write_commands(sandbox: SandboxDir) -> None:
    """Scripts, and the administrator's credential that they print; for whoever holds the environment's lock."""
    sandbox.commands.mkdir(parents=True, exist_ok=True, mode=0o700)
    for version in VERSIONS:
        text = json.dumps(credential(sandbox.kubeconfig, version))
        _write(sandbox.commands / f"exec-credential-{version}.json", text, 0o600)
    folder = shlex.quote(str(sandbox.commands))
    for command, (pattern, asked) in COMMANDS.items():
        text = SCRIPT.substitute(command=command, pattern=pattern, folder=folder, asked=asked)
        _write(sandbox.commands / command, text, 0o700)


def credential(kubeconfig: Path, version: str) -> dict[str, Any]:
    """https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins"""
    user: Mapping[str, str] = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]

    def pem(key: str) -> str:
        return base64.b64decode(user[key]).decode()

    status = {"clientCertificateData": pem("client-certificate-data"), "clientKeyData": pem("client-key-data")}
    return {"apiVersion": f"client.authentication.k8s.io/{version}", "kind": "ExecCredential", "status": status}


def _write(path: Path, text: str, mode: int) -> None:
    if not path.is_file() or path.read_text() != text:
        write_atomically(path, text, mode)
