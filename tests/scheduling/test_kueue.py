"""Kueue as an environment declares it."""

import tomllib
from importlib.resources import files

import pytest
import yaml

from cnai.catalog import catalog
from cnai.clouds.traits import ClusterTraits
from cnai.environment import Environment
from cnai.errors import UserError
from cnai.platform import Platform
from cnai.scheduling.kueue.component import Kueue, KueueArgs, chart_values

TRAITS = ClusterTraits(kubernetes_version="1.36", storage_class="any", load_balancer="cloud")
LOCAL = {
    "cnai:cloud": {"local": {}},
    "cnai:pools": {
        "system": {"machine": "cpu-16", "min": 1, "max": 3},
        "h100": {"accelerator": "H100", "count_per_node": 8, "min": 1, "max": 4},
    },
    "cnai:features": {"kueue": True},
    "cnai:teams": {
        "research": {"gpus": {"h100": 16}, "borrow": True},
        "chat": {"gpus": {"h100": 8}, "priority": "serving"},
    },
}
GCP = {
    "cnai:cloud": {"gcp": {"project": "acme-prod", "project_number": 123456789012, "region": "us-central1"}},
    "cnai:pools": {
        "system": {"machine": "n2-standard-8", "min": 3, "max": 6},
        "h100": {
            "accelerator": "H100",
            "max": 16,
            "capacity": [{"reserved": "h100", "zone": "us-central1-b"}, "queued"],
            "zones": ["us-central1-b"],
        },
    },
    "cnai:features": {"kueue": {"before_queued": {"h100": 8}}},
    "cnai:teams": {"research": {"gpus": {"h100": 64}, "borrow": True}},
}
API = "kubernetes:kueue.x-k8s.io/v1beta2"


@pytest.fixture
def platform(declared):
    return lambda given, name="local": {
        each.name: each for each in declared(lambda: Platform(Environment.load(name, given)), name)
    }


def depends(resource) -> set[str]:
    return {each.rpartition("::")[2] for each in resource.options["dependsOn"]}


def test_each_team_has_a_queue_and_the_door_to_it_in_its_namespace(platform):
    found = platform(LOCAL)
    assert found["kueue-queue-chat"].type == f"{API}:ClusterQueue"
    door = found["chat-queue"]
    assert door.type == f"{API}:LocalQueue"
    assert door.inputs["metadata"]["namespace"] == "chat"
    assert door.inputs["metadata"]["name"] == "default"
    assert door.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Active"}
    assert door.inputs["spec"] == {"clusterQueue": "chat"}


def test_what_has_a_finalizer_of_kueues_goes_before_its_controller(platform):
    """Deletion is creation backwards: jobs with their namespace, queues, flavors, the release."""
    found = platform(LOCAL)
    assert "kueue-release" in depends(found["kueue-flavor-h100"])
    assert {"kueue-flavor-h100", "kueue-flavor-system", "kueue-cohort"} <= depends(found["kueue-queue-chat"])
    assert {"kueue-queue-chat", "kueue-queue-research"} <= depends(found["chat"])


def test_a_job_of_a_team_is_never_admitted_beyond_its_resource_quota(platform):
    found = platform(LOCAL)
    for team, most in {"research": 32, "chat": 8}.items():
        assert found[f"{team}-quota"].inputs["spec"]["hard"]["requests.nvidia.com/gpu"] == str(most)
    chat = found["kueue-queue-chat"].inputs["spec"]["resourceGroups"][0]["flavors"][-1]["resources"][-1]
    assert (chat["nominalQuota"], chat["borrowingLimit"]) == ("8", "0")


def test_members_read_their_own_jobs_and_what_they_may_ask_for(platform):
    found = platform(LOCAL)
    rules = {
        role: {name for rule in found[f"tenancy-role-{role}"].inputs["rules"] for name in rule["resources"]}
        for role in ("member", "viewer")
    }
    assert {"workloads", "localqueues"} <= rules["member"]
    assert "resourceflavors" in rules["viewer"]
    assert not {"clusterqueues", "workloads"} & rules["viewer"], "another team's jobs are nobody else's business"


def test_queued_nodes_come_through_gkes_provisioning_requests(platform):
    found = platform(GCP, "prod")
    assert found["kueue-provisioning"].inputs["spec"]["provisioningClassName"] == "queued-provisioning.gke.io"
    assert found["kueue-flavor-h100-queued"].inputs["spec"]["tolerations"] == [
        {"key": "cloud.google.com/gke-queued", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
    ]
    spec = found["kueue-queue-research"].inputs["spec"]
    assert spec["admissionChecksStrategy"]["admissionChecks"] == [{"name": "queued", "onFlavors": ["h100-queued"]}]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (True, "before_queued: pool h100 is queued for after other routes: say how many nodes"),
        ({"before_queued": {"h10": 1, "h100": 1}}, r"before_queued.h10: no pool .* did you mean 'h100'"),
        ({"before_queued": {"h100": 17}}, "before_queued.h100: 17, but the pool has 16 at most"),
        ({"before_queued": {"h100": -1}}, "before_queued.h100"),
        ({"fair": True}, "kueue.fair"),
    ],
)
def test_settings_that_do_not_fit_the_pools_are_refused_before_anything_exists(settings, message):
    with pytest.raises(UserError, match=message):
        Environment.load("prod", GCP | {"cnai:features": {"kueue": settings}})


def test_it_is_scraped_where_there_is_a_prometheus():
    given = KueueArgs(traits=TRAITS, environment="prod", metrics="monitoring")
    assert chart_values(given)["enablePrometheus"] is True
    assert chart_values(given)["metrics"] == {"prometheusNamespace": "monitoring"}
    assert chart_values(KueueArgs(traits=TRAITS, environment="prod"))["enablePrometheus"] is False


def test_one_of_two_controllers_can_be_evicted_unless_the_cluster_is_disposable():
    manager = chart_values(KueueArgs(traits=TRAITS, environment="prod"))["controllerManager"]
    assert (manager["replicas"], manager["podDisruptionBudget"]) == (2, {"enabled": True})


def test_without_teams_and_pools_there_is_a_controller_that_waits_for_them(declared):
    names = {each.name for each in declared(lambda: Kueue("kueue", KueueArgs(traits=TRAITS, environment="bare")))}
    assert "kueue-release" in names
    assert not {name for name in names if "queue-" in name}


def test_the_sandboxs_controller_is_configured_as_the_charts_is():
    """But for ports, certificates and leadership, which are the machine's."""
    chart = yaml.safe_load(catalog()["kueue"].base_values["managerConfig"]["controllerManagerConfigYaml"])
    rows = tomllib.loads(files("cnai.sandbox.controllers").joinpath("controllers.toml").read_text())
    sandbox = yaml.safe_load(rows["kueue"]["config"].replace("$webhook_port", "1").replace("$certs", "c"))
    for key in (
        "manageJobsWithoutQueueName",
        "managedJobsNamespaceSelector",
        "integrations",
        "fairSharing",
        "resources",
    ):
        assert sandbox[key] == chart[key], key
    assert rows["kueue"]["namespaces"] == chart["managedJobsNamespaceSelector"]
