import threading
import uuid
from collections.abc import Callable, Iterator

import pytest

from cnai.charts.tokens import Kind
from cnai.kube import Kube
from cnai.plugin.errors import PartialError, ProviderError
from cnai.plugin.host import Host
from cnai.sandbox.controlplane import ControlPlane
from cnai.sandbox.provider import resources
from cnai.sandbox.provider.cluster import Cluster
from cnai.sandbox.provider.settings import Settings

pytestmark = pytest.mark.sandbox
URN = "urn:pulumi:test::provider::kubernetes:core/v1:Any::waiting"
POD = {"containers": [{"name": "main", "image": "nginx"}]}
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "waiting", "annotations": {"kwok.x-k8s.io/node": "fake"}},
    "status": {},
}


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    made = Cluster(Settings.of({"kubeconfig": str(control_plane.kubeconfig)}, {}), Host(None))
    yield made
    made.cancel()


@pytest.fixture
def namespace(put: Callable[[dict], dict]) -> str:
    """One of its own for each test: the last test's may still be going."""
    name = f"waiting-{uuid.uuid4().hex[:8]}"
    put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
def node(put: Callable[[dict], dict], kube: Kube) -> None:
    put(NODE)
    size = {"cpu": "8", "memory": "32Gi", "pods": "20"}
    kube.patch("v1", "Node", "waiting", {"status": {"capacity": size, "allocatable": size}}, subresource="status")


def create(cluster: Cluster, obj: dict, timeout_s: float = 60) -> tuple[str, dict]:
    return resources.create(cluster, URN, Kind(obj["apiVersion"], obj["kind"]), obj, False, timeout_s)


def delete(cluster: Cluster, obj: dict, timeout_s: float = 60) -> None:
    metadata = obj["metadata"]
    given = f"{metadata['namespace']}/{metadata['name']}" if "namespace" in metadata else metadata["name"]
    resources.delete(cluster, URN, Kind(obj["apiVersion"], obj["kind"]), given, obj, timeout_s)


def named(kind: str, namespace: str, name: str, api_version: str = "v1", **fields) -> dict:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **fields}


def workload(kind: str, namespace: str, name: str, **spec) -> dict:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": POD}
    spec = {"selector": {"matchLabels": labels}, "template": template} | spec
    return named(kind, namespace, name, "apps/v1", spec=spec)


@pytest.mark.usefixtures("node")
def test_workloads_services_claims_and_jobs_are_there_when_creation_returns(cluster: Cluster, namespace: str):
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    service = {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]}
    job = {"template": {"spec": {**POD, "restartPolicy": "Never"}}}
    made = {
        obj["kind"]: create(cluster, obj)[1]
        for obj in (
            workload("Deployment", namespace, "web", replicas=2),
            workload("StatefulSet", namespace, "database", serviceName="database", replicas=1),
            workload("DaemonSet", namespace, "agent"),
            named("Service", namespace, "web", spec=service),
            named("PersistentVolumeClaim", namespace, "disk", spec=claim),
            named("Pod", namespace, "alone", spec=POD),
            named("Job", namespace, "once", "batch/v1", spec=job),
        )
    }
    assert made["Deployment"]["status"]["availableReplicas"] == 2
    assert made["StatefulSet"]["status"]["readyReplicas"] == 1
    assert made["DaemonSet"]["status"]["numberAvailable"] == 1
    assert made["Service"]["status"]["loadBalancer"]["ingress"]
    assert made["PersistentVolumeClaim"]["status"]["phase"] in ("Bound", "Pending")
    assert made["Pod"]["status"]["phase"] == "Running"
    assert made["Job"]["status"]["succeeded"] == 1

    deployment = workload("Deployment", namespace, "web", replicas=1)
    outputs = resources.update(cluster, URN, Kind("apps/v1", "Deployment"), made["Deployment"], deployment, False, 60)
    assert outputs["status"]["availableReplicas"] == 1
    delete(cluster, deployment)
    assert not cluster.kube.list("v1", "Pod", namespace, "app=web")


def test_a_deletion_that_is_held_back_says_by_what_and_ends_when_it_is_let_go(cluster: Cluster, namespace: str):
    held = named("ConfigMap", namespace, "held")
    create(cluster, held)
    cluster.kube.patch("v1", "ConfigMap", "held", {"metadata": {"finalizers": ["cnai.test/hold"]}}, namespace)
    with pytest.raises(ProviderError) as stuck:
        delete(cluster, held, timeout_s=1)
    assert "its finalizers are cnai.test/hold" in stuck.value.message

    letting_go = threading.Timer(
        0.5, lambda: cluster.kube.patch("v1", "ConfigMap", "held", {"metadata": {"finalizers": None}}, namespace)
    )
    letting_go.start()
    # What an interrupted run was deleting goes before its successor is made.
    _, outputs = create(cluster, named("ConfigMap", namespace, "held", data={"a": "new"}))
    assert outputs["data"] == {"a": "new"}
    assert "deletionTimestamp" not in (cluster.kube.get("v1", "ConfigMap", "held", namespace) or {})["metadata"]
    delete(cluster, held)
    delete(cluster, held)


def test_an_object_waits_for_a_namespace_that_comes_later(cluster: Cluster, put: Callable[[dict], dict]):
    later = threading.Timer(0.5, lambda: put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "later"}}))
    later.start()
    made, _ = create(cluster, named("ConfigMap", "later", "early"))
    assert made == "later/early"


def test_a_kind_that_never_comes_is_refused_when_the_time_is_up(cluster: Cluster):
    with pytest.raises(ProviderError) as refused:
        create(cluster, named("Widget", "default", "w", "absent.test/v1"), timeout_s=1)
    assert 'no matches for kind "Widget" in version "absent.test/v1"' in refused.value.message
    delete(cluster, named("Widget", "default", "w", "absent.test/v1"))


def test_a_cancelled_wait_ends_at_once_and_keeps_the_object(cluster: Cluster, namespace: str):
    threading.Timer(1, cluster.cancel).start()
    with pytest.raises(PartialError) as cancelled:
        create(cluster, workload("Deployment", namespace, "nowhere", replicas=1), timeout_s=600)
    assert "the operation was cancelled" in cancelled.value.message
    assert cancelled.value.id == f"{namespace}/nowhere"
    assert cancelled.value.outputs["metadata"]["name"] == "nowhere"


def test_the_same_creation_after_a_crash_finds_its_own_object(cluster: Cluster, namespace: str):
    obj = named("ConfigMap", namespace, "twice", data={"a": "1"})
    _, first = create(cluster, obj)
    _, second = create(cluster, obj)
    assert first["metadata"]["uid"] == second["metadata"]["uid"]


def test_an_annotation_spares_the_wait(cluster: Cluster, namespace: str):
    obj = workload("Deployment", namespace, "unawaited", replicas=1)
    obj["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    _, outputs = create(cluster, obj, timeout_s=600)
    assert outputs["metadata"]["name"] == "unawaited"


def test_a_namespace_is_gone_with_all_that_was_in_it_when_its_deletion_returns(cluster: Cluster, namespace: str):
    doomed = named("ConfigMap", namespace, "left")
    create(cluster, doomed)
    delete(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    assert cluster.kube.get("v1", "Namespace", namespace) is None
    cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, "test")
    assert cluster.kube.get("v1", "ConfigMap", "left", namespace) is None
