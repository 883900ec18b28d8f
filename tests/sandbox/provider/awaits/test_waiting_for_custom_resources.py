"""Custom resources are waited for on a real API server, as their declaration says."""

import threading
import uuid
from collections.abc import Callable, Iterator

import pytest

from cnai.charts.tokens import Kind
from cnai.kube import Kube
from cnai.paths import SandboxDir
from cnai.plugin.errors import PartialError, ProviderError
from cnai.plugin.host import Host
from cnai.sandbox.controlplane import ControlPlane
from cnai.sandbox.provider import resources
from cnai.sandbox.provider.awaits.unattended import noted
from cnai.sandbox.provider.cluster import Cluster
from cnai.sandbox.provider.settings import Settings

pytestmark = pytest.mark.sandbox
URN = "urn:pulumi:test::provider::kubernetes:awaits.test/v1:Broker::broker"
KIND = Kind("awaits.test/v1", "Broker")
ANY = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
SCHEMA = {"openAPIV3Schema": {"type": "object", "properties": {"spec": ANY, "status": ANY}}}
VERSION = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}, "schema": SCHEMA}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "brokers.awaits.test"},
    "spec": {
        "group": "awaits.test",
        "scope": "Cluster",
        "names": {"kind": "Broker", "plural": "brokers", "singular": "broker", "listKind": "BrokerList"},
        "versions": [VERSION],
    },
}


@pytest.fixture(scope="module")
def definition(kube: Kube) -> Iterator[None]:
    kube.apply(DEFINITION, field_manager="test")
    yield
    kube.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "brokers.awaits.test")


@pytest.fixture
def connected(control_plane: ControlPlane, definition: None) -> Iterator[Callable[..., Cluster]]:
    """Makes providers of the shared cluster: in a sandbox's folder, or outside of one."""
    made: list[Cluster] = []

    def connect(sandbox: SandboxDir | None = None) -> Cluster:
        environ = {"CNAI_SANDBOX_DIR": str(sandbox.root)} if sandbox else {}
        made.append(Cluster(Settings.of({"kubeconfig": str(control_plane.kubeconfig)}, environ), Host(None)))
        return made[-1]

    yield connect
    for cluster in made:
        cluster.cancel()


def broker(wait_for: str, size: int = 1) -> dict:
    # Deleting it in the foreground would wait for the garbage collector to hear of the new kind.
    annotations = {"pulumi.com/waitFor": wait_for, "pulumi.com/deletionPropagationPolicy": "background"}
    metadata = {"name": f"broker-{uuid.uuid4().hex[:8]}", "annotations": annotations}
    return {"apiVersion": "awaits.test/v1", "kind": "Broker", "metadata": metadata, "spec": {"size": size}}


def create(cluster: Cluster, obj: dict, timeout_s: float = 60) -> dict:
    return resources.create(cluster, URN, KIND, obj, False, timeout_s)[1]


def soon(kube: Kube, obj: dict, generation: int, **condition: str) -> None:
    """A controller's word, half a second from now."""
    status = {"conditions": [{"type": "Ready", **condition}], "observedGeneration": generation}
    name = obj["metadata"]["name"]
    say = lambda: kube.patch("awaits.test/v1", "Broker", name, {"status": status}, subresource="status")  # noqa: E731
    threading.Timer(0.5, say).start()


def test_a_custom_resource_is_there_once_its_controller_says_so_of_this_generation(connected, kube: Kube):
    cluster, obj = connected(), broker("condition=Ready")
    soon(kube, obj, 1, status="True")
    made = create(cluster, obj)
    assert made["status"]["conditions"] == [{"type": "Ready", "status": "True"}]

    grown = obj | {"spec": {"size": 2}}
    soon(kube, obj, 2, status="True")
    outputs = resources.update(cluster, URN, KIND, made, grown, False, 60)
    assert outputs["status"]["observedGeneration"] == 2
    resources.delete(cluster, URN, KIND, obj["metadata"]["name"], outputs, 60)


def test_one_that_never_gets_ready_stays_in_the_state_and_tells_its_controllers_words(connected, kube: Kube):
    cluster, obj = connected(), broker('["condition=Ready", "jsonpath={.status.phase}=Up"]')
    soon(kube, obj, 1, status="False", reason="NoDisk", message="no disk is free")
    with pytest.raises(PartialError) as unready:
        create(cluster, obj, timeout_s=2)
    assert "its condition Ready is False, not True (NoDisk: no disk is free)" in unready.value.message
    assert unready.value.id == obj["metadata"]["name"]
    resources.delete(cluster, URN, KIND, obj["metadata"]["name"], unready.value.outputs, 60)


def test_one_that_nobody_will_make_ready_in_the_sandbox_is_let_through_and_said_so(connected, tmp_path):
    sandbox = SandboxDir.of(tmp_path, "test")
    cluster, obj = connected(sandbox), broker("condition=Ready")
    outputs = create(cluster, obj, timeout_s=600)
    assert noted(sandbox) == {"Broker.awaits.test": [obj["metadata"]["name"]]}
    resources.delete(cluster, URN, KIND, obj["metadata"]["name"], outputs, 60)
    assert noted(sandbox) == {}


def test_a_malformed_expression_that_only_the_update_knew_makes_nothing(connected, kube: Kube):
    obj = broker("Ready")
    with pytest.raises(ProviderError, match=r"pulumi\.com/waitFor: 'Ready' is neither a path nor a condition"):
        create(connected(), obj)
    assert kube.get("awaits.test/v1", "Broker", obj["metadata"]["name"]) is None
