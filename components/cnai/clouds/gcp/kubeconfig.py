"""A kubeconfig that asks gcloud's plugin for a token: what `gcloud container clusters get-credentials` would write."""

from typing import Any

INSTALL = "https://cloud.google.com/kubernetes-engine/docs/how-to/cluster-access-for-kubectl#install_plugin"


def kubeconfig(*, context: str, endpoint: str, ca: str) -> dict[str, Any]:
    """`endpoint`: host, with a port where it is not 443; `ca`: its certificate in base64."""
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "gke-gcloud-auth-plugin",
            "installHint": f"Install gke-gcloud-auth-plugin: {INSTALL}",
            "provideClusterInfo": True,
            "interactiveMode": "Never",
        }
    }
    cluster = {"server": f"https://{endpoint}", "certificate-authority-data": ca}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": context, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
