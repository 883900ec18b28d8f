"""CRDs without their schemas: which API versions they add, and which kinds live in a namespace."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from cnai.charts.documents import LOADER

DEFINITION = "CustomResourceDefinition"
_KIND = re.compile(rf"^kind: *[\"']?{DEFINITION}[\"']?\s*$", re.MULTILINE)
_VERSIONS = re.compile(r"^  versions:.*$", re.MULTILINE)
_NAME = re.compile(r"^(?:  - |    (?:- )?|      )name: *[\"']?(v\d\w*)[\"']?\s*$", re.MULTILINE)

CLUSTER_WIDE = frozenset(
    {
        "Namespace",
        "Node",
        "PersistentVolume",
        "admissionregistration.k8s.io/MutatingWebhookConfiguration",
        "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
        "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
        "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
        f"apiextensions.k8s.io/{DEFINITION}",
        "apiregistration.k8s.io/APIService",
        "certificates.k8s.io/CertificateSigningRequest",
        "flowcontrol.apiserver.k8s.io/FlowSchema",
        "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration",
        "networking.k8s.io/IngressClass",
        "node.k8s.io/RuntimeClass",
        "rbac.authorization.k8s.io/ClusterRole",
        "rbac.authorization.k8s.io/ClusterRoleBinding",
        "resource.k8s.io/DeviceClass",
        "scheduling.k8s.io/PriorityClass",
        "storage.k8s.io/CSIDriver",
        "storage.k8s.io/CSINode",
        "storage.k8s.io/StorageClass",
        "storage.k8s.io/VolumeAttachment",
    }
)
"""Kubernetes' own kinds that live in no namespace, as `group/Kind`."""


@dataclass(frozen=True)
class Served:
    """A kind that a CRD adds."""

    kind: str
    """`group/Kind`."""
    versions: tuple[str, ...]
    namespaced: bool

    @property
    def api_versions(self) -> list[str]:
        """As Helm's `--api-versions` takes them."""
        group, _, kind = self.kind.partition("/")
        return [each for version in self.versions for each in (f"{group}/{version}", f"{group}/{version}/{kind}")]


def is_crd(document: str) -> bool:
    return _KIND.search(document) is not None


def sketch(document: str) -> Served | None:
    """From a CRD's text, whose schema takes long to parse and says nothing here."""
    cut = _VERSIONS.search(document)
    head = document[: cut.start()] if cut else document
    try:
        found = yaml.load(head, LOADER)
        if not isinstance(found, dict) or "names" not in found.get("spec", {}):
            found = yaml.load(document, LOADER)
        return served(found, _NAME.findall(document[cut.start() :]) if cut else ())
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        return None


def served(crd: Mapping[str, Any], versions: Iterable[str] = ()) -> Served:
    spec = crd["spec"]
    listed = [version["name"] for version in spec.get("versions") or []]
    return Served(
        f"{spec['group']}/{spec['names']['kind']}", tuple(listed or versions), spec.get("scope") == "Namespaced"
    )
