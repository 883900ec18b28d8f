"""Every environment but `local` (which has the main job): comes up, changes and goes again, on simulated clouds."""

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

    def up(self, *options: str) -> dict:
        return self.project.json("up", self.env, "--sandbox", *options)

    def resources(self) -> list[dict]:
        """As the engine's state has them."""
        told = self.project.run("pulumi", "--sandbox", "stack", "export", "-s", self.env).stdout
        return json.loads(told)["deployment"]["resources"]

    def declared(self) -> Counter:
        """`type::name` of what the program registered: not the stack, and not what a provider made of a manifest."""
        made = {each["urn"]: each for each in self.resources()}
        parents = {urn for urn, each in made.items() if each["type"] in MADE_BY_PROVIDERS}
        return Counter(
            f"{each['type']}::{urn.split('::')[-1]}"
            for urn, each in made.items()
            if each["type"] != "pulumi:pulumi:Stack" and each.get("parent") not in parents and not _default(each)
        )

    def destroy(self) -> None:
        self.project.run("destroy", self.env, "--sandbox", "--unprotect")


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
    assert flight.declared() == Counter(counted(golden))


def test_a_second_up_changes_nothing(flight, brought_up):
    assert set(flight.up()["changes"]) == {"same"}


LARGER = {"aws": "m7i.4xlarge", "gcp": "n2-standard-16", "azure": "Standard_D16ds_v5"}
"""By cloud; on an existing cluster there is nothing to change."""


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
