"""Facts of rendered objects: what a stand-in has to have."""

import pytest
import yaml

from cnai.catalog.lock import Port
from cnai.locking import facts
from cnai.locking.images import images
from cnai.locking.quantities import total

WEB = """
kind: Deployment
metadata: {name: app-web}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: web, part: one}, annotations: {kubectl.kubernetes.io/default-container: main}}
    spec:
      initContainers:
      - {name: once, image: once:1, resources: {requests: {cpu: 9}}}
      - {name: proxy, image: proxy:1, restartPolicy: Always, resources: {requests: {cpu: 50m}}}
      containers:
      - {name: side, image: side:1, resources: {requests: {cpu: 10m, memory: 64Mi}}}
      - {name: main, image: main:1, ports: [{name: http, containerPort: 8080}, {containerPort: 53, protocol: UDP}]}
      volumes: [{name: a, persistentVolumeClaim: {claimName: app-data}}, {name: b, emptyDir: {}}]
"""
AGENT = """
kind: DaemonSet
metadata: {name: agent}
spec:
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers: [{name: a, image: agent:1}]
      tolerations: [{key: gpu, operator: Equal, value: "", effect: NoSchedule}]
"""
DATABASE = """
kind: StatefulSet
metadata: {name: app-db}
spec:
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: a, image: db:1}]}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {resources: {requests: {storage: 5Gi}}}}]
"""
CLAIM = "kind: PersistentVolumeClaim\nmetadata: {name: app-data}\nspec: {resources: {requests: {storage: 1Gi}}}\n"
FRONT = """
kind: Service
metadata: {name: app}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}, {name: same, port: 9, targetPort: 9}]
"""
HEADLESS = (
    "kind: Service\nmetadata: {name: peers}\nspec: {clusterIP: None, selector: {app: none}, ports: [{port: 1}]}\n"
)
ALIAS = "kind: Service\nmetadata: {name: away}\nspec: {type: ExternalName, externalName: example.org}\n"
TEXTS = (WEB, AGENT, DATABASE, CLAIM, FRONT, HEADLESS, ALIAS)


def rendered(release="app"):
    return [
        yaml.safe_load(text.replace("app-", f"{release}-").replace("{name: app}", f"{{name: {release}}}"))
        for text in TEXTS
    ]


@pytest.fixture
def names():
    return facts.Names.of(rendered(), rendered("app-x"), "app", "app-x")


def test_a_workload_is_sized_by_the_containers_that_stay(names):
    agent, web, database = facts.workloads(rendered(), names)
    assert (web.kind, web.name, web.image, web.replicas) == ("Deployment", "{release}-web", "main:1", 2)
    assert web.requests == {"cpu": "60m", "memory": "64Mi"}
    assert web.ports == (Port(name="http", port=8080), Port(port=53, protocol="UDP"))
    assert (web.storage, web.tolerates) == ({"{release}-data": "1Gi"}, ())
    assert database.storage == {"data": "5Gi"}
    assert agent.tolerates == ({"effect": "NoSchedule", "key": "gpu", "operator": "Equal"},)


def test_only_a_name_that_changes_with_the_release_is_the_release_s(names):
    assert [names(name) for name in ("app-web", "agent", "app")] == ["{release}-web", "agent", "{release}"]


def test_a_service_leads_to_the_workload_that_it_selects(names):
    peers, front = facts.services(rendered(), names)
    assert (front.name, front.type, front.workload) == ("{release}", "LoadBalancer", "{release}-web")
    assert front.ports == (Port(name="http", port=80, target="http"), Port(name="same", port=9))
    assert (peers.name, peers.headless, peers.workload, peers.ports) == ("peers", True, "", (Port(port=1),))


def crd(**versions):
    rows = [{"name": name, "served": "served" in how, "storage": "stored" in how} for name, how in versions.items()]
    spec = {"group": "a.io", "scope": "Cluster", "names": {"kind": "Thing", "plural": "things"}, "versions": rows}
    return {"kind": "CustomResourceDefinition", "metadata": {"name": "things.a.io"}, "spec": spec}


def test_a_crd_says_what_it_serves_what_it_stores_and_where_it_lies():
    (found,) = facts.crds([crd(v1="served stored", v1beta1="served", v1alpha1="")], ["things.a.io"])
    assert (found.name, found.versions, found.storage_version, found.folder) == (
        "things.a.io",
        ("v1", "v1beta1"),
        "v1",
        "crds",
    )
    (found,) = facts.crds([crd(v1beta1="served", v1="served stored")], [])
    assert (found.stored, found.storage_version, found.folder) == ("", "v1", "templates")


@pytest.mark.parametrize(
    ("obj", "found"),
    [
        (
            {"kind": "Pod", "spec": {"containers": [{"image": "web:1"}], "initContainers": [{"image": "auto"}]}},
            ["web:1"],
        ),
        (
            {"kind": "Operator", "spec": {"driver": {"repository": "a.io/b", "image": "c", "version": "1"}}},
            ["a.io/b/c:1"],
        ),
        (
            {"kind": "Operator", "spec": {"driver": {"repository": "a.io/b", "image": "c", "version": "sha256:9"}}},
            ["a.io/b/c@sha256:9"],
        ),
        ({"kind": "Operator", "spec": {"off": {"enabled": False, "image": "a.io/b/c:1"}}}, []),
        (
            {"kind": "ConfigMap", "data": {"IMAGE": "quay.io/a/b:v1", "text": "x: ghcr.io/c/d:v2\n"}},
            ["ghcr.io/c/d:v2", "quay.io/a/b:v1"],
        ),
        (
            {"kind": "Job", "spec": {"args": ["--image=quay.io/a/b:v1@sha256:" + "0" * 64]}},
            ["quay.io/a/b:v1@sha256:" + "0" * 64],
        ),
        (
            {
                "kind": "ConfigMap",
                "data": {"url": "http://a.monitoring.svc:80/api", "host": "kubernetes.default.svc:443"},
            },
            [],
        ),
        ({"kind": "CustomResourceDefinition", "spec": {"description": "such as quay.io/a/b:v1"}}, []),
    ],
)
def test_images_are_those_of_pods_and_those_that_operators_are_told_to_run(obj, found):
    assert list(images([obj])) == found


def test_requests_add_up_and_one_alone_keeps_its_spelling():
    assert total([{"cpu": "1"}, {"memory": "1024Mi"}]) == {"cpu": "1", "memory": "1024Mi"}
    assert total([{"cpu": "500m", "memory": "512Mi"}, {"cpu": 1.5, "memory": "0.5Gi"}]) == {"cpu": "2", "memory": "1Gi"}
