"""What still uses an API version that goes, found on a real API server."""

import base64
import gzip
import json
from typing import Any

import pytest

from cnai.kube import Kube
from cnai.operations.removals import LAST_APPLIED, uses

pytestmark = pytest.mark.sandbox


def service_range(api_version: str) -> dict[str, Any]:
    written = {"apiVersion": api_version, "kind": "ServiceCIDR"}
    annotations = {LAST_APPLIED: json.dumps(written)}
    spec = {"cidrs": ["10.97.0.0/24"]}
    metadata = {"name": "extra", "annotations": annotations}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": metadata, "spec": spec}


def release(api_version: str) -> dict[str, Any]:
    """As Helm keeps it."""
    manifest = f"apiVersion: {api_version}\nkind: PodDisruptionBudget\nmetadata: {{name: web}}\n"
    content = json.dumps({"name": "old", "namespace": "default", "manifest": manifest})
    packed = base64.b64encode(base64.b64encode(gzip.compress(content.encode()))).decode()
    labels = {"owner": "helm", "status": "deployed", "name": "old"}
    metadata = {"name": "sh.helm.release.v1.old.v1", "namespace": "default", "labels": labels}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "metadata": metadata}
    return {**secret, "data": {"release": packed}}


def mine(kube: Kube) -> list[str]:
    return [use.text for use in uses(kube, "1.36", "1.37") if "extra" in use.what or "default/old" in use.by]


def test_objects_and_releases_that_speak_of_what_goes_are_found_and_others_are_not(kube, put):
    put(service_range("networking.k8s.io/v1"))
    put(release("policy/v1"))
    assert mine(kube) == []
    put(service_range("networking.k8s.io/v1beta1"))
    put(release("policy/v1beta1"))
    assert mine(kube) == [
        "PodDisruptionBudget web is policy/v1beta1 to the Helm release default/old: use policy/v1",
        "ServiceCIDR extra is networking.k8s.io/v1beta1 to kubectl apply: use networking.k8s.io/v1",
    ]
