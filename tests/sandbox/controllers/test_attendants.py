import subprocess

import pytest
from sandbox_waits import eventually

pytestmark = pytest.mark.sandbox
META = {"namespace": "default"}


def node(name: str, annotated: bool = True, **labels: str) -> dict:
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"} if annotated else {},
            "labels": {"kubernetes.io/hostname": name, **labels},
        },
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def claim(name: str) -> dict:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, **META}, "spec": spec}


def pod(name: str, *claims: str) -> dict:
    volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
    spec = {"containers": [{"name": "c", "image": "busybox"}], "volumes": volumes}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **META}, "spec": spec}


def balancer(name: str, **spec: str) -> dict:
    spec = {"type": "LoadBalancer", "ports": [{"name": "http", "port": 80}], "selector": {"app": name}, **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, **META}, "spec": spec}


def phase(kube, kind: str, name: str, wanted: str):
    def look():
        found = kube.get("v1", kind, name, "default")
        return found if found and found["status"].get("phase") == wanted else None

    return eventually(look, f"{kind} {name} is {wanted}")


def address(kube, name: str) -> str:
    def look():
        ingress = kube.get("v1", "Service", name, "default")["status"]["loadBalancer"].get("ingress")
        return ingress and ingress[0]["ip"]

    return eventually(look, f"Service {name} has an address")


def test_a_claim_is_bound_where_its_pod_is_placed_and_its_volume_goes_with_it(kube, put):
    put(node("worker", **{"topology.kubernetes.io/zone": "zone-b"}))
    put(claim("unused"))
    put(claim("data"))
    put(pod("reader", "data"))
    phase(kube, "Pod", "reader", "Running")
    bound = phase(kube, "PersistentVolumeClaim", "data", "Bound")
    volume = kube.get("v1", "PersistentVolume", bound["spec"]["volumeName"])
    assert "zone-b" in str(volume["spec"]["nodeAffinity"])
    assert kube.get("v1", "PersistentVolumeClaim", "unused", "default")["status"]["phase"] == "Pending"

    larger = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    kube.patch("v1", "PersistentVolumeClaim", "data", larger, "default")
    eventually(
        lambda: kube.get("v1", "PersistentVolumeClaim", "data", "default")["status"]["capacity"]["storage"] == "2Gi",
        "the claim has grown",
    )
    kube.delete("v1", "Pod", "reader", "default")
    kube.delete("v1", "PersistentVolumeClaim", "data", "default")
    name = volume["metadata"]["name"]
    eventually(lambda: kube.get("v1", "PersistentVolume", name) is None, "the volume is gone")


def test_load_balancers_get_addresses_of_their_own(kube, put):
    put(balancer("east"))
    put(balancer("west"))
    assert address(kube, "east") != address(kube, "west")


def test_a_node_that_is_not_marked_as_simulated_stays_untouched(kube, put):
    put(node("stranger", annotated=False))
    put(node("marked"))

    def ready(name: str):
        return any(c["type"] == "Ready" for c in kube.get("v1", "Node", name)["status"].get("conditions", []))

    eventually(lambda: ready("marked"), "the marked node is ready")
    assert not ready("stranger")


def test_a_namespace_has_its_account_and_root_certificate_and_ends_with_all_that_is_in_it(kube):
    name = "ending"
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, field_manager="test")
    eventually(lambda: kube.get("v1", "ServiceAccount", "default", name), "the namespace has its account")
    eventually(lambda: kube.get("v1", "ConfigMap", "kube-root-ca.crt", name), "the namespace has the root certificate")
    token = kube.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/service-account-token",
            "metadata": {
                "name": "token",
                "namespace": name,
                "annotations": {"kubernetes.io/service-account.name": "default"},
            },
        }
    )
    eventually(lambda: kube.get("v1", "Secret", token["metadata"]["name"], name).get("data"), "the account has a token")
    kube.delete("v1", "Namespace", name)
    eventually(lambda: kube.get("v1", "Namespace", name) is None, "the namespace is gone")


def test_a_simulated_containers_log_says_that_it_is_simulated(control_plane, kube, put, tools):
    put(node("speaker"))
    put(pod("silent"))
    phase(kube, "Pod", "silent", "Running")
    command = [tools["kubectl"], "--kubeconfig", control_plane.kubeconfig, "logs", "silent"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "simulated" in done.stdout


def test_a_service_has_endpoints_once_its_pods_run(kube, put):
    put(node("server"))
    labelled = pod("web")
    labelled["metadata"]["labels"] = {"app": "web"}
    put(labelled)
    put(balancer("web", type="ClusterIP"))

    def addresses():
        slices = kube.list("discovery.k8s.io/v1", "EndpointSlice", "default", "kubernetes.io/service-name=web")
        return [a for one in slices for endpoint in one["endpoints"] or [] for a in endpoint["addresses"]]

    found = eventually(addresses, "the Service has endpoints")
    assert found == [kube.get("v1", "Pod", "web", "default")["status"]["podIP"]]
