"""A kubeconfig that asks the AWS CLI for a token: what `aws eks update-kubeconfig` would write."""

from typing import Any

import pulumi

Json = dict[str, Any]


def kubeconfig(*, context: str, cluster: str, region: str, endpoint: pulumi.Input[str], ca: pulumi.Input[str]) -> Json:
    """`ca` is the certificate authority in base64, as EKS gives it."""
    token = ["--region", region, "eks", "get-token", "--cluster-name", cluster, "--output", "json"]
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "aws",
            "args": token,
            "interactiveMode": "Never",
        }
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": context, "cluster": {"server": endpoint, "certificate-authority-data": ca}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "users": [{"name": context, "user": user}],
    }
