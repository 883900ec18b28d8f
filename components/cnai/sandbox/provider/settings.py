"""How the provider resource of a program configures this plugin, with upstream's keys and environment variables."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnai.errors import UserError
from cnai.files import write_atomically
from cnai.paths import SandboxDir
from cnai.sandbox.provider.diff import Mutability

MAX_PATH = 4096


@dataclass(frozen=True)
class Settings:
    """One provider resource's configuration."""

    kubeconfig: Path
    context: str | None
    namespace: str | None
    """The default namespace, where the provider resource names one."""
    patch_force: bool
    mutability: Mutability
    sandbox: SandboxDir | None
    """Where this environment's sandbox keeps its things; None outside of one, such as in tests."""

    @classmethod
    def of(cls, given: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> "Settings":
        root = environ.get("CNAI_SANDBOX_DIR")
        return cls(
            kubeconfig=_kubeconfig(given.get("kubeconfig") or environ.get("KUBECONFIG") or "~/.kube/config", root),
            context=given.get("context") or None,
            namespace=given.get("namespace") or environ.get("PULUMI_K8S_NAMESPACE") or None,
            patch_force=_flag(given.get("enablePatchForce"), environ.get("PULUMI_K8S_ENABLE_PATCH_FORCE")),
            mutability=Mutability(
                config_maps=_flag(
                    given.get("enableConfigMapMutable"), environ.get("PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE")
                ),
                secrets=_flag(given.get("enableSecretMutable"), environ.get("PULUMI_K8S_ENABLE_SECRET_MUTABLE")),
            ),
            sandbox=SandboxDir(Path(root)) if root else None,
        )


def _flag(given: Any, fallback: str | None) -> bool:
    """Provider inputs arrive as JSON text or as booleans."""
    return str(fallback if given is None else given).lower() == "true"


def _kubeconfig(given: str, sandbox: str | None) -> Path:
    """A path as it is; content goes into a file that only this user can read, in a sandbox always the same one."""
    if "\n" not in given and not given.lstrip().startswith("{") and len(given) < MAX_PATH:
        paths = [Path(part).expanduser() for part in given.split(os.pathsep)]
        return next((path for path in paths if path.exists()), paths[0])
    if given.lstrip().startswith("{"):
        try:
            json.loads(given)
        except ValueError as error:
            raise UserError(f"kubeconfig: the text given is not JSON: {error}") from error
    if sandbox is None:
        path = Path(tempfile.mkdtemp(prefix="cnai-kubeconfig-")) / "kubeconfig"
    else:
        path = Path(sandbox) / "kubeconfigs" / hashlib.sha256(given.encode()).hexdigest()[:16]
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, given)
    return path
