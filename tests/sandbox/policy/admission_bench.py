"""Compiled policies in force in one namespace of the shared control plane, and what the API server says of objects."""

import re
from pathlib import Path
from typing import Any

import httpx2
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig

from cnai.kube import Kube
from cnai.policy import admission
from cnai.policy.model import Level, Rule
from pod_samples import changed


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def bound(name: str, rules: list[Rule], where: str, actions: list[str]) -> list[dict[str, Any]]:
    """A policy in force in one namespace only: the control plane is shared."""
    binding = admission.binding(name, Level.MANDATORY)
    selector = {"matchLabels": {"kubernetes.io/metadata.name": where}}
    binding["spec"] |= {"validationActions": actions, "matchResources": {"namespaceSelector": selector}}
    return [admission.policy(name, rules), binding]


def definition(kind: str, group: str, version: str = "v1") -> dict[str, Any]:
    plural = admission.plural(kind)
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced",
            "versions": [served],
        },
    }


def placed(obj: dict[str, Any], where: str) -> dict[str, Any]:
    return changed(obj, {"metadata.namespace": where})


class Told:
    """What the API server warns of: the rules that an object breaks, or the policies of which it breaks one."""

    RULE, POLICY = r"': \[(\w+)\]", r"ValidatingAdmissionPolicy '([\w-]+)'"

    def __init__(self, kube: Kube, kubeconfig: Path, where: str) -> None:
        self._kube, self._where = kube, where
        config = KubeConfig.from_file(kubeconfig).get()
        params = ConnectionParams(timeout=httpx2.Timeout(60), trust_env=False)
        self._http = httpx2.Client(**params.httpx_params(config))

    def of(self, obj: dict[str, Any], word: str = RULE) -> set[str]:
        found, refused = self._ask(obj, word)
        assert not refused, refused
        return found

    def of_valid(self, obj: dict[str, Any]) -> set[str] | None:
        """None for what the API server itself refuses."""
        found, refused = self._ask(obj, self.RULE)
        return None if refused else found

    def _ask(self, obj: dict[str, Any], word: str) -> tuple[set[str], str]:
        endpoint = self._kube.endpoint(obj["apiVersion"], obj["kind"])
        sent = placed(obj, self._where) if endpoint.namespaced else obj
        response = self._http.post(endpoint.path(None, self._where), params={"dryRun": "All"}, json=sent)
        warnings = [each for each in response.headers.get_list("warning") if "ValidatingAdmissionPolicy" in each]
        found = {found[1] for each in warnings for found in re.finditer(word, each)}
        return found, "" if response.status_code == 201 else response.text
