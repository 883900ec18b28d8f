"""The StorageClasses that a fresh cluster of each cloud comes with, from `tables/classes.toml`."""

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnai.kube import Kube, Object

API = "storage.k8s.io/v1"
DEFAULT = "storageclass.kubernetes.io/is-default-class"
MANAGER = "cnai-simulated-cloud"
SIMULATED = "cnai.dev/sandbox"
"""A provisioner that stands for whichever an existing cluster has."""
SANDBOX_CLASS = "cnai-sandbox"
"""The sandbox's own, for clusters that bring none."""


@functools.cache
def of_cloud(cloud: str) -> Mapping[str, Mapping[str, Any]]:
    text = resources.files("cnai.sandbox.cloud").joinpath("tables/classes.toml").read_text()
    return tomllib.loads(text).get(cloud, {})


def manifest(name: str, given: Mapping[str, Any]) -> "Object":
    metadata: dict[str, Any] = {"name": name, "labels": {"cnai.dev/simulated": "true"}}
    if given.get("default"):
        metadata["annotations"] = {DEFAULT: "true"}
    body = {key: value for key, value in given.items() if key != "default"}
    return {"apiVersion": API, "kind": "StorageClass", "metadata": metadata, **body}


def install(kube: "Kube", cloud: str) -> None:
    for name, given in of_cloud(cloud).items():
        if kube.get(API, "StorageClass", name) is None:
            kube.apply(manifest(name, given), MANAGER, force=True)
    if of_cloud(cloud):
        kube.delete(API, "StorageClass", SANDBOX_CLASS)


def remove(kube: "Kube", cloud: str) -> None:
    for name in of_cloud(cloud):
        kube.delete(API, "StorageClass", name)
