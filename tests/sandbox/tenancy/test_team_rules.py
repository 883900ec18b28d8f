"""A team's rules, as a real API server reads them: the Team component's manifests are applied, then tried out."""

import pytest
from sandbox_waits import eventually

from cnai.kube import ApiError
from cnai.tenancy.share import EDIT, Opening, Rule, TeamRules, TeamShare
from cnai.tenancy.shared import shared_manifests
from cnai.tenancy.team import TeamArgs, team_manifests

pytestmark = pytest.mark.sandbox
TEAM = "rules"


@pytest.fixture(scope="module")
def team(kube):
    store = TeamShare(openings=(Opening(name="object-store", namespace="object-store", port=9000),))
    args = TeamArgs(gpu_quota={"nvidia.com/gpu": 8}, sso_group="researchers", shares=(store,))
    jobs = TeamRules(member=(Rule(group="trainer.kubeflow.org", resources=("trainjobs",), verbs=EDIT),))
    manifests = [*shared_manifests(jobs).values(), *team_manifests(TEAM, args).values()]
    for each in manifests:
        kube.apply(each, field_manager="test")
    # A quota admits nothing before it has been counted once, and a pod needs the namespace's default account.
    eventually(lambda: all(each.get("status") for each in kube.list("v1", "ResourceQuota", TEAM)), "counted quotas")
    eventually(lambda: kube.get("v1", "ServiceAccount", "default", TEAM), "the default account")
    yield TEAM
    for each in reversed(manifests):
        kube.delete(each["apiVersion"], each["kind"], each["metadata"]["name"], each["metadata"].get("namespace"))
    eventually(lambda: kube.get("v1", "Namespace", TEAM) is None, "the namespace gone")


def pod(name: str, *, gpus: int = 0, **spec) -> dict:
    resources = {"limits": {"nvidia.com/gpu": str(gpus)}} if gpus else {}
    container = {"name": "main", "image": "registry.invalid/nothing", "resources": resources}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": TEAM},
        "spec": {"containers": [container], **spec},
    }


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"gpus": 9}, "exceeded quota: team, requested: requests.nvidia.com/gpu=9"),
        ({"priorityClassName": "cnai-serving"}, "exceeded quota: no-more-than-training"),
        ({"priorityClassName": "system-node-critical"}, "exceeded quota: no-more-than-training"),
        ({"hostNetwork": True}, 'violates PodSecurity "baseline'),
    ],
    ids=["too many GPUs", "too high a priority", "the system's priority", "the node's network"],
)
def test_a_pod_beyond_the_teams_means_is_refused(kube, team, wrong, says):
    with pytest.raises(ApiError, match=says):
        kube.create(pod("beyond", **wrong), dry_run=True)


def test_a_pod_within_the_teams_means_is_taken_and_given_requests(kube, team):
    taken = kube.create(pod("within", gpus=8, priorityClassName="cnai-training"), dry_run=True)
    assert taken["spec"]["containers"][0]["resources"]["requests"]["memory"] == "256Mi"


@pytest.mark.parametrize(
    ("verb", "group", "resource", "namespace", "allowed"),
    [
        ("create", "trainer.kubeflow.org", "trainjobs", TEAM, True),
        ("create", "", "secrets", TEAM, True),
        ("get", "", "secrets", TEAM, False),
        ("list", "", "secrets", TEAM, False),
        ("create", "", "serviceaccounts/token", TEAM, False),
        ("update", "", "resourcequotas", TEAM, False),
        ("delete", "networking.k8s.io", "networkpolicies", TEAM, False),
        ("create", "rbac.authorization.k8s.io", "rolebindings", TEAM, False),
        ("create", "trainer.kubeflow.org", "trainjobs", "default", False),
        ("list", "", "pods", "kube-system", False),
        ("list", "", "nodes", "", True),
        ("patch", "", "nodes", "", False),
    ],
)
def test_a_member_may_do_the_work_of_the_team_and_no_more(kube, team, verb, group, resource, namespace, allowed):
    name, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": name, "subresource": subresource, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": "ada", "groups": ["researchers"], "resourceAttributes": attributes},
    }
    assert kube.create(review)["status"]["allowed"] is allowed
