"""A job waits in the queue that it names, else in its team's own, and never in one that is not there."""

from dataclasses import replace

import pytest
import yaml
from pydantic import ValidationError

from cnai.clouds.pools import Taint
from cnai.environment import Environment
from cnai.errors import UserError
from cnai.kube import ApiError, NoKindError
from cnai.kubeflow.queues import (
    PREFERRED_TOPOLOGY,
    PRIORITY_LABEL,
    QUEUE_LABEL,
    local_queues,
    queue_of,
    reason_of,
    topology_level,
    waits_for,
)
from cnai.kubeflow.trainer.trainjob import TrainingExample, train_job

STACK = "stacks/Pulumi.local.yaml"


class Cluster:
    """A cluster that serves LocalQueues in one version, or refuses to show them."""

    def __init__(self, version: str, names: tuple[str, ...] = (), refuses: int = 0):
        self.version, self.names, self.refuses = version, names, refuses

    def list(self, api_version: str, kind: str, namespace: str, label_selector: str | None = None):
        assert (kind, namespace) == ("LocalQueue", "research")
        if self.refuses:
            raise ApiError(self.refuses, "no")
        if api_version != f"kueue.x-k8s.io/{self.version}":
            raise NoKindError(404, "not served")
        return [{"metadata": {"name": name}} for name in self.names]


@pytest.mark.parametrize("version", ["v1beta2", "v1beta1"])
def test_queues_are_found_in_whichever_version_the_cluster_serves(version):
    assert local_queues(Cluster(version, ("b", "a")), "research") == ["a", "b"]


def test_a_cluster_without_kueue_has_no_queues_and_one_that_refuses_to_tell_is_not_taken_for_it():
    assert local_queues(Cluster("none"), "research") == []
    assert local_queues(Cluster("v1beta2", refuses=403), "research") is None
    with pytest.raises(ApiError):
        local_queues(Cluster("v1beta2", refuses=500), "research")


@pytest.mark.parametrize(
    ("wanted", "queues", "needed", "chosen"),
    [
        (None, [], False, None),
        (None, None, False, None),
        (None, ["team"], True, "team"),
        (None, ["default", "other"], False, "default"),
        ("other", ["default", "other"], False, "other"),
        ("unseen", None, True, "unseen"),
    ],
)
def test_a_job_waits_in_the_named_queue_else_in_the_teams_own(wanted, queues, needed, chosen):
    assert queue_of(wanted, queues, "research", needed=needed) == chosen


@pytest.mark.parametrize(
    ("wanted", "queues", "needed", "told"),
    [
        ("typo", ["team"], False, "no LocalQueue 'typo': give one of team"),
        ("typo", [], False, "it has none, leave --queue out"),
        (None, ["a", "b"], False, "say --queue with one of a, b"),
        (None, [], True, "LocalQueues of research are not there"),
        (None, None, True, "may not be looked at"),
    ],
)
def test_a_queue_that_is_not_there_or_not_clear_is_refused(wanted, queues, needed, told):
    with pytest.raises(UserError, match=told):
        queue_of(wanted, queues, "research", needed=needed)


def test_the_job_itself_names_the_queue_and_its_pods_do_not(pytestconfig):
    document = yaml.safe_load((pytestconfig.rootpath / STACK).read_text())
    local = Environment.load("local", document["config"])
    example = TrainingExample(name="job", pool="h100", command=("true",))
    job = train_job(example, "research", local, "research")
    assert job["metadata"]["labels"][QUEUE_LABEL] == "research"
    assert QUEUE_LABEL not in str(job["spec"])
    assert QUEUE_LABEL not in train_job(example, "research", local)["metadata"]["labels"]


@pytest.mark.parametrize(
    ("name", "fits"), [("team.research", True), ("a" * 63, True), ("bad_", False), ("a" * 64, False)]
)
def test_an_examples_queue_is_what_a_label_can_say(name, fits):
    given = {"name": "a", "pool": "gpus", "command": ("x",), "queue": name}
    if fits:
        assert TrainingExample.model_validate(given).queue == name
    else:
        with pytest.raises(ValidationError, match="queue"):
            TrainingExample.model_validate(given)


def with_kueue(stack: dict, on: bool = True) -> Environment:
    config = stack["config"]
    return Environment.load("local", config | {"cnai:features": config["cnai:features"] | {"kueue": on}})


def test_through_the_platforms_queue_a_job_has_its_teams_priority_and_its_routes_tolerations_with_its_admission(
    pytestconfig,
):
    stack = yaml.safe_load((pytestconfig.rootpath / STACK).read_text())
    example, taint = TrainingExample(name="job", pool="h100", command=("true",)), Taint(key="example.com/spot")
    for environment, priority, tolerated in (
        (with_kueue(stack), "cnai-training", {"nvidia.com/gpu"}),
        (with_kueue(stack, on=False), None, {"nvidia.com/gpu", "example.com/spot"}),
    ):
        pools = environment.pools | {"h100": replace(environment.pools["h100"], route_taints=(taint,))}
        vars(environment)["pools"] = pools
        job = train_job(example, "research", environment, "default")
        assert job["metadata"]["labels"].get(PRIORITY_LABEL) == priority
        pod = pod_template(job)["spec"]
        assert {each["key"] for each in pod["tolerations"]} == tolerated


def pod_template(job: dict) -> dict:
    (patch,) = job["spec"]["runtimePatches"]
    return patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]


def test_pods_stay_together_where_the_queue_places_them_by_topology(pytestconfig):
    environment = with_kueue(yaml.safe_load((pytestconfig.rootpath / STACK).read_text()))
    example = TrainingExample(name="job", pool="h100", command=("true",))
    near = pod_template(train_job(example, "research", environment, "default", "example.com/block"))
    assert near["metadata"]["annotations"] == {PREFERRED_TOPOLOGY: "example.com/block"}
    assert "annotations" not in pod_template(train_job(example, "research", environment, "default"))["metadata"]


class Kueue:
    """What a cluster with Kueue answers, by kind."""

    def __init__(self, **found: list[dict]):
        self.found, self.asked = found, []

    def list(self, api_version: str, kind: str, namespace: str | None = None, label_selector: str | None = None):
        self.asked.append((kind, namespace, label_selector))
        return self.found.get(kind, [])


def flavor(pool: str, topology: str | None = None) -> dict:
    spec = {"nodeLabels": {"cnai.dev/pool": pool}} | ({"topologyName": topology} if topology else {})
    return {"metadata": {"name": pool}, "spec": spec}


def test_the_widest_level_of_a_pools_topology_is_the_one_to_stay_within():
    levels = [{"nodeLabel": "example.com/block"}, {"nodeLabel": "kubernetes.io/hostname"}]
    topology = {"metadata": {"name": "network"}, "spec": {"levels": levels}}
    cluster = Kueue(ResourceFlavor=[flavor("a100"), flavor("h100", "network")], Topology=[topology])
    assert topology_level(cluster, "h100") == "example.com/block"
    assert topology_level(cluster, "a100") is None
    assert topology_level(Kueue(), "h100") is None


def workload(*conditions: tuple[str, str, str], checks: list[dict] | None = None) -> dict:
    given = [{"type": kind, "status": status, "message": message} for kind, status, message in conditions]
    return {"status": {"conditions": given, "admissionChecks": checks or []}}


NO_QUOTA = "couldn't assign flavors to pod set node: insufficient unused quota for nvidia.com/gpu in flavor h100"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (workload(), "its queue has not looked at it yet"),
        (workload(("QuotaReserved", "False", NO_QUOTA)), NO_QUOTA),
        (
            workload(("Evicted", "True", "Preempted to make room"), ("QuotaReserved", "False", "It waits")),
            "Preempted to make room; It waits",
        ),
        (
            workload(
                ("QuotaReserved", "True", "Quota reserved in ClusterQueue research"),
                checks=[{"name": "queued", "state": "Pending", "message": "Waiting for nodes"}],
            ),
            "queued: Waiting for nodes",
        ),
        (
            workload(("QuotaReserved", "True", ""), checks=[{"name": "queued", "state": "Retry", "message": ""}]),
            "queued: Retry",
        ),
        (workload(("QuotaReserved", "True", "")), "its quota is reserved, it is not admitted yet"),
        (workload(("QuotaReserved", "True", ""), ("Admitted", "True", "")), ""),
        (workload(("Finished", "True", ""), ("QuotaReserved", "False", "x")), ""),
    ],
)
def test_why_a_job_waits_is_said_in_kueues_own_words(given, told):
    assert reason_of(given) == told


def test_a_jobs_workload_is_found_by_the_jobs_uid():
    cluster = Kueue(Workload=[workload(("QuotaReserved", "False", NO_QUOTA))])
    assert waits_for(cluster, "research", "uid-1") == NO_QUOTA
    assert cluster.asked == [("Workload", "research", "kueue.x-k8s.io/job-uid=uid-1")]
    assert waits_for(Kueue(), "research", "uid-1") == ""
