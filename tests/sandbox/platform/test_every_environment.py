"""Every environment but `local` (which has the main job): comes up, changes and goes again, on simulated clouds.

All features are flown on `local`, and a few on one environment of AWS and of an existing cluster; the others fly what
is theirs: their cloud with its buckets and add-ons, their pools, their teams. All of each is previewed.
"""

import json
from collections import Counter
from pathlib import Path

import pytest
from platform_clone import ROOT, Clone, clone

from golden_form import counted

pytestmark = pytest.mark.sandbox
GOLDENS = ROOT / "tests" / "goldens"
ENVIRONMENTS = sorted(
    name for path in (ROOT / "stacks").glob("Pulumi.*.yaml") if (name := path.stem.removeprefix("Pulumi.")) != "local"
)
WHOLE = ("aws-dev", "dev")
"""Small enough to fly with all their features."""
THEIRS = ("gpu_operator", "object_store")
"""Features that the others keep: what shares the GPUs of their pools, and the buckets of their cloud."""
MADE_BY_PROVIDERS = ("kubernetes:yaml/v2:ConfigGroup", "kubernetes:yaml/v2:ConfigFile")
EXISTING = ("Node//", "ConfigMap/kube-system/node-group-", "StorageClass//standard")
"""What the sandbox makes for a cluster that exists already, and an environment on it does not take along."""


class Flight:
    """One environment in a sandbox of its own."""

    def __init__(self, project: Clone) -> None:
        self.project, self.env = project, project.env
        project.run("sandbox", "start", self.env)
        self.empty = project.everything()
        self.exists = "onprem" in _config(project)["cnai:cloud"]
        """Whether its cluster was there before it, nodes and all."""
        self.planned = declared(self.preview())
        """All of it, as its stack file says, though not all of it may be flown."""
        if self.env not in WHOLE:
            project.edit(only_theirs)

    def up(self, *options: str) -> dict:
        return self.project.json("up", self.env, "--sandbox", *options)

    def preview(self) -> list[dict]:
        """As the engine would make them."""
        told = self.project.run("pulumi", "--sandbox", "preview", "-s", self.env, "--json", "--non-interactive").stdout
        return [step["newState"] for step in json.loads(told)["steps"]]

    def resources(self) -> list[dict]:
        """As the engine's state has them."""
        told = self.project.run("pulumi", "--sandbox", "stack", "export", "-s", self.env).stdout
        return json.loads(told)["deployment"]["resources"]

    def destroy(self) -> None:
        self.project.run("destroy", self.env, "--sandbox", "--unprotect")


def declared(resources: list[dict]) -> Counter:
    """`type::name` of what the program registered: not the stack, and not what a provider made of a manifest."""
    parents = {each["urn"] for each in resources if each["type"] in MADE_BY_PROVIDERS}
    return Counter(
        f"{each['type']}::{each['urn'].split('::')[-1]}"
        for each in resources
        if each["type"] != "pulumi:pulumi:Stack" and each.get("parent") not in parents and not _default(each)
    )


def only_theirs(config: dict) -> None:
    kept = {key: value for key, value in config["cnai:features"].items() if key in THEIRS}
    if kept.get("object_store") != "bucket":
        kept.pop("object_store", None)
    config["cnai:features"] = kept


def _default(resource: dict) -> bool:
    """A provider that the engine makes for whatever names none, such as a reference to the stack itself."""
    return resource["type"].startswith("pulumi:providers:") and resource["urn"].split("::")[-1].startswith("default")


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def flight(request, tmp_path_factory):
    project = clone(tmp_path_factory.mktemp(request.param), request.param)
    made = Flight(project)
    yield made
    project.run("sandbox", "delete", request.param, check=False)


@pytest.fixture(scope="module")
def brought_up(flight):
    return flight.up()


def pools(config: dict) -> dict:
    return config["cnai:pools"]


def test_it_comes_up_with_the_nodes_that_its_pools_keep(flight, brought_up):
    assert brought_up["ready"], brought_up["waiting"]
    config = json.loads(json.dumps(_config(flight.project)))
    kept = {name: pool.get("min", 0) for name, pool in pools(config).items()}
    has = {row["pool"]: row["nodes"] for row in brought_up["pools"]}
    assert {name: has.get(name, 0) for name in kept} == kept


def test_it_declares_in_a_sandbox_what_its_golden_says(flight, brought_up):
    golden = (GOLDENS / f"{flight.env}.yaml").read_text()
    assert flight.planned == Counter(counted(golden))


def test_what_it_declared_before_it_was_up_is_what_is_there(flight, brought_up):
    made = declared(flight.resources())
    assert made <= flight.planned
    assert (made == flight.planned) is (flight.env in WHOLE)


def test_a_second_up_changes_nothing(flight, brought_up):
    assert set(flight.up()["changes"]) == {"same"}


LARGER = {"aws": "m7i.4xlarge", "gcp": "n2-standard-16", "azure": "Standard_D16ds_v5"}
"""By cloud; on an existing cluster there is nothing to change."""


SERVED = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: flown}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: flown, labels: {app: flown}}
spec:
  nodeSelector: {cnai.dev/pool: system}
  containers: [{name: a, image: registry.example/a:1, volumeMounts: [{name: data, mountPath: /data}]}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: flown}}]
---
apiVersion: v1
kind: Service
metadata: {name: flown}
spec: {type: LoadBalancer, selector: {app: flown}, ports: [{port: 80}]}
"""


SERVING = {
    "pvc/flown": "jsonpath={.status.phase}=Bound",
    "pod/flown": "condition=Ready",
    "service/flown": "jsonpath={.status.loadBalancer.ingress}",
}


def test_its_cluster_serves_a_volume_and_a_load_balancer_as_on_its_cloud(flight, brought_up, tmp_path):
    manifest = tmp_path / "served.yaml"
    manifest.write_text(SERVED)
    kubectl = ("kubectl", "--env", flight.env)
    flight.project.run(*kubectl, "apply", "-f", str(manifest))
    try:
        for what, condition in SERVING.items():
            flight.project.run(*kubectl, "wait", "--timeout=60s", what, f"--for={condition}")
    finally:
        flight.project.run(*kubectl, "delete", "--wait", "-f", str(manifest))


def test_a_pool_grows_and_gets_larger_machines_and_a_feature_goes(flight, brought_up):
    def change(config: dict) -> None:
        system = pools(config)["system"]
        cloud = next(iter(config["cnai:cloud"]))
        system["machine"] = LARGER.get(cloud, system["machine"])
        system["min"] += 1
        system["max"] = max(system["min"], system["max"])
        config["cnai:features"]["kubeflow"] = []

    before = {row["pool"]: row["nodes"] for row in brought_up["pools"]}
    flight.project.edit(change)
    after = flight.up()
    assert after["ready"], after["waiting"]
    system = next(row for row in after["pools"] if row["pool"] == "system")
    assert system["nodes"] == before["system"] + 1
    assert system["machine"] == pools(_config(flight.project))["system"]["machine"]
    assert "kubeflow-trainer" not in {row["package"] for row in after["packages"]}


def test_it_goes_and_leaves_nothing_in_the_cloud_or_the_cluster(flight, brought_up):
    flight.destroy()
    assert flight.project.in_the_cloud() == []
    left = flight.project.everything() - flight.empty
    assert {each for each in left if not (flight.exists and each.startswith(EXISTING))} == set()


def _config(project: Clone) -> dict:
    import yaml

    return yaml.safe_load(Path(project.stack_file).read_text())["config"]
