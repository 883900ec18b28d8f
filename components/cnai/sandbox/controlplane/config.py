"""kwokctl's configuration and the kubeconfig, rendered from ports, tools and folders."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import yaml

BINARIES = {
    "etcd": "etcdBinary",
    "kube-apiserver": "kubeApiserverBinary",
    "kube-controller-manager": "kubeControllerManagerBinary",
    "kube-scheduler": "kubeSchedulerBinary",
    "kwok": "kwokControllerBinary",
    "kubectl": "kubectlBinary",
}
"""The tools that kwokctl runs, and the options that name them."""
TOOLS = (*BINARIES, "kwokctl")
"""What a control plane needs to start."""


def kwokctl_config(cluster: Path, ports: Mapping[str, int], tools: Mapping[str, Path]) -> dict[str, Any]:
    """One KwokctlConfiguration; `cluster` is the folder that kwokctl keeps this cluster in."""
    text = resources.files("cnai.sandbox.controlplane").joinpath("kwokctl.yaml").read_text()
    config: dict[str, Any] = yaml.safe_load(text)
    for patch in config["componentsPatches"]:
        for argument in patch.get("extraArgs", ()):
            argument["value"] = Template(argument["value"]).substitute(cluster=cluster)
    config["options"] |= {option: str(tools[tool]) for tool, option in BINARIES.items()}
    config["options"] |= ports
    return config


def logs_config(file: Path) -> dict[str, Any]:
    """Makes `file` what `kubectl logs` shows of every simulated container."""
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterLogs",
        "metadata": {"name": "simulated"},
        "spec": {"logs": [{"logsFile": str(file), "follow": False}]},
    }


def fingerprint(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(yaml.safe_dump(dict(config)).encode()).hexdigest()


def kubeconfig(name: str, server: str, pki: Path, aliases: Sequence[str] = ()) -> str:
    """A self-contained kubeconfig: the certificates are embedded, so that it works wherever it is copied."""

    def content(file: str) -> str:
        return base64.b64encode((pki / file).read_bytes()).decode()

    cluster = {"server": server, "certificate-authority-data": content("ca.crt")}
    user = {"client-certificate-data": content("admin.crt"), "client-key-data": content("admin.key")}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": each, "context": {"cluster": name, "user": name}} for each in (name, *aliases)],
        },
        sort_keys=False,
    )
