"""The way into an AKS cluster: its address and CA from Azure, a person's or a pipeline's own token from kubelogin."""

import base64
from collections.abc import Sequence
from typing import Any, cast

import yaml

from cnai.clouds.azure.settings import AzureSettings

SERVER_ID = "6dae42f8-4368-4678-94ff-3960e28e3630"
"""AKS's own Entra application, the same everywhere: https://azure.github.io/kubelogin/concepts/aks.html"""


def kubeconfig(name: str, server: str, ca: str, settings: AzureSettings) -> dict[str, Any]:
    """As `az aks get-credentials --format exec` writes it, with this environment's sign-in."""
    arguments = ["get-token", "--environment", "AzurePublicCloud", "--server-id", SERVER_ID]
    arguments += ["--login", settings.login, "--tenant-id", settings.tenant_id]
    user = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "kubelogin",
        "args": arguments,
        "installHint": "kubelogin: https://azure.github.io/kubelogin/install.html",
        "interactiveMode": "IfAvailable",
        "provideClusterInfo": False,
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": ca}}],
        "users": [{"name": name, "user": {"exec": user}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def endpoint(kubeconfigs: Sequence[Any] | None) -> tuple[str, str]:
    """Server and CA of the first kubeconfig that Azure returns; empty if nothing answers, as in a rendering."""
    value = kubeconfigs[0].value if kubeconfigs else None
    if not value:
        return "", ""
    cluster = cast("dict[str, Any]", yaml.safe_load(base64.b64decode(value)))["clusters"][0]["cluster"]
    return cluster["server"], cluster["certificate-authority-data"]
