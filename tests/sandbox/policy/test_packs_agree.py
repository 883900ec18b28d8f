"""The data rules of all packs, compiled: the API server says of every case what the evaluator says."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from admission_bench import Told, bound, definition, namespace, placed
from policy_cases import Case, cases
from sandbox_waits import eventually

from cnai.kube import Kube, NoKindError
from cnai.policy.admission import enforceable
from cnai.policy.evaluate import evaluate_all
from cnai.policy.loading import rules
from cnai.policy.model import NO_CONTEXT, Resource
from cnai.sandbox.controlplane import ControlPlane

pytestmark = pytest.mark.sandbox
WHERE = "packs"
RULES = {rule.id: rule for rule in enforceable(rules().values())}
CONTROLLED = ("jobset.x-k8s.io/", "trainer.kubeflow.org/")
"""Their real controllers would start in the shared control plane if it served them."""
OTHERS = ("kubernetes:", "aws:", "gcp:", "azure-native:")
"""No objects of a cluster: a rule may look at both."""
CASES = [
    each
    for each in cases()
    if each.rule.id in RULES and not any(one.kind.startswith((*CONTROLLED, *OTHERS)) for one in each.resources)
]
OWNERS = ("Deployment", "StatefulSet", "DaemonSet")
REFUSED = {("gpuLimits", False), ("gpuPriorityClass", True)}
"""Rule, passes: the API server itself refuses a GPU request without a limit, and a priority class that is not there."""
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"},
       "spec": {"hostPID": True, "containers": [{"name": "main", "image": "registry.invalid/nothing"}]}}  # fmt: skip


@pytest.fixture(scope="module")
def told(control_plane: ControlPlane) -> Iterator[Told]:
    # A client of its own: the shared one remembers kinds of CRDs that other tests have taken away again.
    kube = Kube.from_kubeconfig(control_plane.kubeconfig)
    resources = [each for case in CASES for each in case.resources]
    missing = {(each.body["apiVersion"], each.body["kind"]) for each in resources}
    objects = [definition(kind, *version.split("/")) for version, kind in missing if not served(kube, version, kind)]
    objects += [namespace(WHERE), *bound("test-packs", list(RULES.values()), WHERE, ["Warn"])]
    for each in objects:
        kube.apply(each, field_manager="test")
    found = Told(kube, control_plane.kubeconfig, WHERE)
    eventually(lambda: all(served(kube, *each) for each in missing), "all kinds served")
    eventually(lambda: kube.get("v1", "ServiceAccount", "default", WHERE), "the default account")
    eventually(lambda: found.of(POD), "warnings")
    yield found
    for each in reversed(objects):
        kube.delete(each["apiVersion"], each["kind"], each["metadata"]["name"])
    kube.close()


def served(kube: Kube, version: str, kind: str) -> bool:
    try:
        return bool(kube.endpoint(version, kind))
    except NoKindError:
        return False


def of_case(case: Case) -> Iterator[dict[str, Any]]:
    """Its objects with what the API server requires and no rule asks for."""
    for each in case.resources:
        body = copy.deepcopy(dict(each.body))
        metadata = {"name": "sample", **body.get("metadata", {})}
        metadata.pop("namespace", None)
        yield completed({**body, "metadata": metadata})


def completed(obj: dict[str, Any]) -> dict[str, Any]:
    spec = obj.setdefault("spec", {}) if obj["kind"] in ("Pod", "Service", *OWNERS) else {}
    pod: dict[str, Any] | None = spec if obj["kind"] == "Pod" else None
    if obj["kind"] in OWNERS:
        spec.setdefault("selector", {"matchLabels": {"app": "sample"}})
        template = spec.setdefault("template", {})
        template.setdefault("metadata", {})["labels"] = {"app": "sample"}
        pod = template.setdefault("spec", {})
    if obj["kind"] == "Service":
        spec.setdefault("ports", [{"port": 80}])
    for rule in obj.get("rules") or () if obj["kind"] in ("Role", "ClusterRole") else ():
        rule.setdefault("apiGroups", ["any"])
    if obj["kind"].endswith("RoleBinding"):
        obj.setdefault("roleRef", {})
    for reference in [*(obj.get("subjects") or ()), *([obj["roleRef"]] if "roleRef" in obj else [])]:
        reference.setdefault("kind", "ClusterRole" if reference is obj.get("roleRef") else "Group")
        reference["apiGroup"] = "" if reference["kind"] == "ServiceAccount" else "rbac.authorization.k8s.io"
        reference.setdefault("name", "sample")
        if reference["kind"] == "ServiceAccount":
            reference.setdefault("namespace", "team")
    if pod is not None:
        pod.setdefault("containers", [{}])
        for number, container in enumerate([*pod["containers"], *(pod.get("initContainers") or ())]):
            container.setdefault("name", f"c{number}")
            container.setdefault("image", "registry.invalid/nothing:1.0")
    return obj


def test_both_sides_agree_on_every_case(told: Told):
    compared, differing = set[tuple[str, bool]](), []
    for case in CASES:
        for obj in of_case(case):
            theirs = told.of_valid(obj)
            if theirs is None:
                continue
            ours = {each.rule for each in evaluate_all(RULES.values(), [Resource(placed(obj, WHERE))], NO_CONTEXT)}
            compared.add((case.rule.id, case.passes))
            if theirs != ours:
                differing.append((case.name, theirs - ours, ours - theirs))
    assert differing == [], "case, what only the API server says, what only the evaluator says"
    wanted = {(case.rule.id, case.passes) for case in CASES}
    assert wanted - compared <= REFUSED, "cases of these rules are no objects that the API server takes"
