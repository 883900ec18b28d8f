"""What stands for the control plane where only the cloud is tested."""

import json
from typing import Any

from cnai.sandbox.cloud.groups import LABEL, NAMESPACE, READY

URN = "urn:pulumi:flight::project::{token}::{name}"


def urn(token: str, name: str = "it") -> str:
    return URN.format(token=token, name=name)


class FakeKube:
    """Keeps objects, and plays the daemon: a group's nodes are Ready as soon as its record is written."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.attended = True

    def apply(self, obj: dict[str, Any], manager: str, force: bool = False) -> dict[str, Any]:
        self.objects[obj["kind"], obj["metadata"]["name"]] = obj
        if self.attended and obj["kind"] == "ConfigMap":
            desired = json.loads(obj["data"]["group"])["desired"]
            obj["metadata"]["annotations"] = {READY: f"{desired}@{obj['data']['generation']}"}
        return obj

    def get(self, api: str, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        return self.objects.get((kind, name))

    def delete(self, api: str, kind: str, name: str, namespace: str | None = None) -> None:
        self.objects.pop((kind, name), None)

    def list(self, api: str, kind: str, namespace: str | None = None, label_selector: str = "") -> list[Any]:
        if kind == "Node":
            return []
        assert (namespace, kind) == (NAMESPACE, "ConfigMap")
        assert LABEL in label_selector
        wanted = {tuple(each.split("=")) for each in label_selector.split(",")}
        found = [each for (found_kind, _), each in self.objects.items() if found_kind == kind]
        return [each for each in found if wanted <= set(each["metadata"]["labels"].items())]

    def groups(self) -> dict[str, dict[str, Any]]:
        records = [each for (kind, _), each in self.objects.items() if kind == "ConfigMap"]
        found = [json.loads(each["data"]["group"]) for each in records]
        return {each["name"]: each for each in found}


class FakeApi:
    def __init__(self, kube: FakeKube) -> None:
        self.kube = kube
        self.address = {"server": "https://127.0.0.1:1", "host": "127.0.0.1:1", "ca": "Y2E=", "pem": "ca"}

    def kubeconfig(self) -> str:
        return "kubeconfig"
