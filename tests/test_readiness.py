"""Every row of `readiness.toml`, judged as the provider judges it."""

import json

import pytest

from cnai.readiness import awaited, rows, wait_for
from cnai.sandbox.provider.awaits.verdicts import Surroundings
from cnai.sandbox.provider.awaits.wait_for import Condition, judge, parsed

ROWS = [(group, kind) for group, kinds in rows().items() for kind in kinds]
RUN_TO_AN_END = [
    ("trainer.kubeflow.org/v1alpha1", "TrainJob"),
    ("jobset.x-k8s.io/v1alpha2", "JobSet"),
    ("kubeflow.org/v1", "PyTorchJob"),
    ("ray.io/v1", "RayJob"),
    ("argoproj.io/v1alpha1", "Workflow"),
    ("sparkoperator.k8s.io/v1beta2", "SparkApplication"),
    ("batch.volcano.sh/v1alpha1", "Job"),
]


def api_version(group: str) -> str:
    return group if "/" in group else f"{group}/v1"


def expressions(group: str, kind: str):
    found = wait_for(api_version(group), kind)
    assert found is not None
    return found, parsed(found)


def all_listeners(status: str, generation: int) -> dict:
    entry = {"type": "Programmed", "status": status, "observedGeneration": generation}
    return {"listeners": [{"conditions": [entry]}, {"conditions": [{**entry, "status": "True"}]}]}


def all_parents(status: str, generation: int) -> dict:
    entry = {"type": "Accepted", "status": status, "observedGeneration": generation}
    return {"parents": [{"conditions": [entry]}, {"conditions": [{**entry, "status": "True"}]}]}


def satisfied(group: str, kind: str, status: str = "True") -> dict:
    """A status in which every expression of the row holds; those of conditions only where theirs is True."""
    found: dict = {}
    for expression in expressions(group, kind)[1]:
        if isinstance(expression, Condition):
            found.setdefault("conditions", []).append({"type": expression.type, "status": status})
        elif expression.value:
            *path, last = expression.path.strip("{}").removeprefix(".status.").split(".")
            holder = found
            for key in path:
                holder = holder.setdefault(key, {})
            value = expression.value if status == "True" else f"not {expression.value}"
            holder[last] = True if value == "true" else value
        else:
            found |= all_listeners(status, 2) if kind == "Gateway" else all_parents(status, 2)
    return found


def state(group: str, kind: str, status: dict) -> str:
    spec = {"listeners": [{}, {}], "parentRefs": [{}, {}]}
    obj = {"metadata": {"generation": 2}, "spec": spec, "status": status}
    return judge(expressions(group, kind)[0])(obj, Surroundings()).state


@pytest.mark.parametrize(("group", "kind"), ROWS)
def test_an_object_is_ready_when_its_controller_says_so_and_not_before(group, kind):
    assert state(group, kind, {}) == "waiting"
    assert state(group, kind, satisfied(group, kind, "False")) == "waiting"
    assert state(group, kind, satisfied(group, kind)) == "ready"
    assert state(group, kind, satisfied(group, kind) | {"observedGeneration": 2}) == "ready"


@pytest.mark.parametrize(("group", "kind"), [row for row in ROWS if row[0] != "gateway.networking.k8s.io"])
def test_what_a_controller_said_of_an_older_generation_does_not_count(group, kind):
    assert state(group, kind, satisfied(group, kind) | {"observedGeneration": 1}) == "waiting"


def test_a_route_is_ready_when_every_gateway_it_names_has_accepted_it_as_it_is_now():
    group = "gateway.networking.k8s.io"
    assert state(group, "HTTPRoute", all_parents("True", 2)) == "ready"
    assert state(group, "HTTPRoute", all_parents("True", 1)) == "waiting"
    assert state(group, "HTTPRoute", {"parents": all_parents("True", 2)["parents"][:1]}) == "waiting"
    programmed = {"conditions": [{"type": "Programmed", "status": "True", "observedGeneration": 2}]}
    assert state(group, "Gateway", programmed | all_listeners("True", 2)) == "ready"
    assert state(group, "Gateway", programmed | all_listeners("False", 2)) == "waiting"
    assert state(group, "Gateway", programmed | all_listeners("True", 1)) == "waiting"


@pytest.mark.parametrize(("version", "kind"), RUN_TO_AN_END)
def test_work_that_runs_to_an_end_is_not_waited_for(version, kind):
    assert wait_for(version, kind) is None


def test_a_row_of_one_version_holds_for_that_version_alone():
    assert wait_for("autoscaling/v2", "HorizontalPodAutoscaler") == "condition=AbleToScale"
    assert wait_for("autoscaling/v1", "HorizontalPodAutoscaler") is None
    assert wait_for("serving.knative.dev/v1", "Service") == "condition=Ready"
    assert wait_for("v1", "Service") is None


def test_several_expressions_are_one_annotation():
    assert json.loads(wait_for("rabbitmq.com/v1beta1", "RabbitmqCluster") or "") == [
        "condition=AllReplicasReady",
        "condition=ReconcileSuccess",
    ]


def test_a_manifest_says_what_it_is_waited_for_unless_it_says_so_itself():
    def annotations(kind: str, **given: str) -> dict:
        metadata = {"name": "a", **({"annotations": given} if given else {})}
        manifest = {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": metadata, "spec": {}}
        return awaited(manifest)["metadata"].get("annotations", {})

    assert annotations("Kafka") == {"pulumi.com/waitFor": "condition=Ready"}
    assert annotations("Kafka", note="x") == {"note": "x", "pulumi.com/waitFor": "condition=Ready"}
    for own in ({"pulumi.com/waitFor": "condition=Other"}, {"pulumi.com/skipAwait": "true"}):
        assert annotations("Kafka", **own) == own
    assert annotations("KafkaRebalance") == {}
