"""The API server, upstream's Pod Security admission in it, and our evaluator say the same of every sample pod."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from admission_bench import Told, bound, definition, namespace, placed
from sandbox_waits import eventually

from cnai.kube import ApiError, Kube
from cnai.policy import admission
from cnai.policy.evaluate import evaluate_all
from cnai.policy.model import NO_CONTEXT, Resource
from cnai.policy.packs import pack, packs, rules_of
from cnai.sandbox.controlplane import ControlPlane
from pod_samples import GOOD, PLAIN, SAMPLES, changed

pytestmark = pytest.mark.sandbox
TOLD = "ours-told"
BASELINE, RESTRICTED = "pod-security-baseline", "pod-security-restricted"
UPSTREAM = {BASELINE: "upstream-baseline", RESTRICTED: "upstream-restricted"}
OURS = {BASELINE: "ours-baseline", RESTRICTED: "ours-restricted"}
ALL = rules_of([pack(BASELINE), pack(RESTRICTED)])
GROUPS: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "PyTorchJob": (
        "kubeflow.org",
        lambda template: {"pytorchReplicaSpecs": {"Master": {"template": GOOD}, "Worker": {"template": template}}},
    ),
    "RayCluster": (
        "ray.io",
        lambda template: {"headGroupSpec": {"template": GOOD}, "workerGroupSpecs": [{"template": template}]},
    ),
}


@pytest.fixture(scope="module")
def cluster(kube: Kube) -> Iterator[Kube]:
    """Namespaces under upstream's admission, and namespaces under ours."""
    objects = [namespace(UPSTREAM[name], **{"pod-security.kubernetes.io/enforce": name.rpartition("-")[2]}) for name in
               UPSTREAM] + [namespace(each) for each in (*OURS.values(), TOLD)]  # fmt: skip
    objects += [definition(kind, group) for kind, (group, _) in GROUPS.items()]
    for name, where in OURS.items():
        objects += bound(f"test-{name}", list(rules_of([pack(name)]).values()), where, ["Deny"])
    objects += bound("test-told", list(ALL.values()), TOLD, ["Warn"])
    for each in objects:
        kube.apply(each, field_manager="test")
    for name in (*UPSTREAM.values(), *OURS.values(), TOLD):
        eventually(lambda name=name: kube.get("v1", "ServiceAccount", "default", name), "the default account")
    for name in OURS.values():
        eventually(lambda name=name: refusal(kube, PRIVILEGED, name), "policies in force")
    yield kube
    for each in reversed(objects):
        kube.delete(each["apiVersion"], each["kind"], each["metadata"]["name"])


@pytest.fixture(scope="module")
def told(cluster: Kube, control_plane: ControlPlane) -> Told:
    found = Told(cluster, control_plane.kubeconfig, TOLD)
    eventually(lambda: found.of(PRIVILEGED), "warnings")
    return found


PRIVILEGED = changed(PLAIN, {"spec.containers.0.securityContext": {"privileged": True}})


def refusal(kube: Kube, obj: dict[str, Any], where: str) -> str:
    """What admission says against it; empty where it lets it in."""
    try:
        kube.create(placed(obj, where), dry_run=True)
    except ApiError as error:
        if error.status != 403:
            raise
        return error.message
    return ""


def broken(obj: dict[str, Any]) -> set[str]:
    return {each.rule for each in evaluate_all(ALL.values(), [Resource(obj)], NO_CONTEXT)}


SERVED = [each for each in SAMPLES if not each.server_refuses]


def test_upstreams_admission_and_ours_refuse_the_same_pods_at_both_levels(cluster: Kube):
    differing = []
    for sample in SERVED:
        for level in (BASELINE, RESTRICTED):
            ours = bool(sample.breaks & set(pack(level).rules))
            verdicts = (
                bool(refusal(cluster, sample.pod, UPSTREAM[level])),
                bool(refusal(cluster, sample.pod, OURS[level])),
            )
            if verdicts != (ours, ours):
                differing.append((sample.name, level, ours, *verdicts))
    assert differing == [], "sample, level, evaluator, upstream's admission, our policy"


def workloads(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    labels = {"app": "sample"}
    template = {"metadata": {**pod["metadata"], "labels": labels}, "spec": pod["spec"]}
    more = {"StatefulSet": {"serviceName": "sample"}}
    for kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"):
        yield made("apps/v1", kind, {"selector": {"matchLabels": labels}, "template": template, **more.get(kind, {})})
    yield made("v1", "ReplicationController", {"selector": labels, "template": template})
    once = changed({"template": template}, {"template.spec.restartPolicy": "Never"})
    yield made("batch/v1", "Job", once)
    yield made("batch/v1", "CronJob", {"schedule": "* * * * *", "jobTemplate": {"spec": once}})
    yield {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "sample"}, "template": template}
    for kind, (group, spec) in GROUPS.items():
        yield made(f"{group}/v1", kind, spec(template))


def made(version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "sample"}, "spec": spec}


def test_the_api_server_finds_the_same_rules_broken_as_the_evaluator(told: Told):
    differing = {each.name: (found, each.breaks) for each in SERVED if (found := told.of(each.pod)) != each.breaks}
    assert differing == {}, "sample: rules that the API server finds broken, and that the evaluator does"


def test_both_look_into_the_pod_template_of_every_kind(told: Told):
    bad = changed(GOOD, {"spec.hostPID": True, "spec.containers.1.securityContext.privileged": True,
                         "spec.containers.1.securityContext.allowPrivilegeEscalation": ...})  # fmt: skip
    for pod in (GOOD, bad):
        assert {obj["kind"]: told.of(obj) for obj in workloads(pod)} == {
            obj["kind"]: broken(obj) for obj in workloads(pod)
        }
    assert broken(bad) == {"hostNamespaces", "privileged", "allowPrivilegeEscalation"}


def test_a_debug_container_is_refused_like_any_other(cluster: Kube):
    name = "debugged"
    cluster.apply(placed(changed(GOOD, {"metadata.name": name}), OURS[BASELINE]), field_manager="test")
    debug = {"name": "debug", "image": "registry.invalid/debug", "securityContext": {"privileged": True}}
    patch = {"spec": {"ephemeralContainers": [debug]}}
    try:
        with pytest.raises(ApiError, match=r"\[privileged\]"):
            cluster.patch("v1", "Pod", name, patch, OURS[BASELINE], "strategic", "ephemeralcontainers")
        debug["securityContext"] = {}
        cluster.patch("v1", "Pod", name, patch, OURS[BASELINE], "strategic", "ephemeralcontainers")
    finally:
        cluster.delete("v1", "Pod", name, OURS[BASELINE])


def test_a_refusal_says_why_and_what_to_change(cluster: Kube):
    words = refusal(cluster, PRIVILEGED, OURS[BASELINE])
    assert "owns the node" in words
    assert "request only the device or capability needed" in words


def test_the_api_servers_type_checker_has_nothing_against_our_expressions(cluster: Kube):
    version, kind = "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"

    def status() -> dict[str, Any]:
        return (cluster.get(version, kind, "test-told") or {}).get("status") or {}

    eventually(lambda: status().get("observedGeneration"), "checked policy")
    assert not status().get("typeChecking", {}).get("expressionWarnings")


@pytest.mark.parametrize("name", sorted(packs()))
def test_the_api_server_takes_every_packs_policy(kube: Kube, name: str):
    rules = admission.enforceable(rules_of([pack(name)]).values())
    if rules:
        made = kube.apply(admission.policy(f"cnai-{name}", rules), field_manager="test", dry_run=True)
        assert len(made["spec"]["validations"]) == len(rules)
