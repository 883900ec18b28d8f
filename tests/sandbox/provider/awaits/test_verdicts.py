import pytest

from cnai.sandbox.provider.awaits.reasons import finalizer_words
from cnai.sandbox.provider.awaits.verdicts import Surroundings, judge_of, pod_trouble

NO_SURROUNDINGS = Surroundings()


def verdict(api_version: str, kind: str, obj: dict, around: Surroundings = NO_SURROUNDINGS):
    judge = judge_of(api_version, kind)
    assert judge is not None
    return judge({"metadata": {"name": "a", "generation": 1}, "spec": {}, "status": {}} | obj, around)


def deployment(spec: dict, status: dict | None = None):
    return verdict("apps/v1", "Deployment", {"spec": spec, "status": {"observedGeneration": 1} | (status or {})})


def test_a_deployment_is_ready_when_all_its_replicas_are_new_and_available():
    done = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    assert deployment({"replicas": 2}, done).state == "ready"
    assert deployment({"replicas": 0}).state == "ready"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"observedGeneration": 0}, "has not seen this generation"),
        ({"updatedReplicas": 1}, "1 of 2 replicas have been updated"),
        ({"updatedReplicas": 2, "replicas": 3}, "1 replicas are still to go"),
        ({"updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}, "1 replicas are still to go"),
        ({"updatedReplicas": 2, "replicas": 2, "availableReplicas": 1}, "1 of 2 updated replicas are available"),
    ],
)
def test_a_deployment_that_waits_says_for_what(status, words):
    found = deployment({"replicas": 2}, status)
    assert found.state == "waiting"
    assert words in found.message


def test_a_deployment_past_its_progress_deadline_has_failed():
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too slow"}
    found = deployment({"replicas": 1}, {"conditions": [condition]})
    assert (found.state, found.message) == ("failed", "too slow")


def test_a_paused_deployment_is_not_waited_for():
    assert deployment({"replicas": 1, "paused": True}).state == "ready"


@pytest.mark.parametrize(
    ("spec", "status", "state"),
    [
        ({"replicas": 2}, {"readyReplicas": 2, "updateRevision": "r", "currentRevision": "r"}, "ready"),
        ({"replicas": 2}, {"readyReplicas": 1, "updateRevision": "r", "currentRevision": "r"}, "waiting"),
        ({"replicas": 2}, {"readyReplicas": 2, "updateRevision": "s", "currentRevision": "r"}, "waiting"),
        (
            {"replicas": 2, "updateStrategy": {"type": "OnDelete"}},
            {"readyReplicas": 2, "updateRevision": "s", "currentRevision": "r"},
            "ready",
        ),
        (
            {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
            {"readyReplicas": 2, "updatedReplicas": 1, "updateRevision": "s", "currentRevision": "r"},
            "ready",
        ),
    ],
)
def test_a_stateful_set_is_ready_when_its_pods_are_of_the_wanted_revision(spec, status, state):
    obj = {"spec": spec, "status": {"observedGeneration": 1} | status}
    assert verdict("apps/v1", "StatefulSet", obj).state == state


def test_a_daemon_set_is_ready_on_every_node_that_wants_it_and_at_once_where_none_does():
    status = {"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}
    assert verdict("apps/v1", "DaemonSet", {"status": status}).state == "waiting"
    assert verdict("apps/v1", "DaemonSet", {"status": status | {"numberAvailable": 2}}).state == "ready"
    assert verdict("apps/v1", "DaemonSet", {"status": {"observedGeneration": 1}}).state == "ready"


def test_a_job_is_ready_when_complete_and_failed_when_it_failed():
    def job(kind: str, **more):
        return verdict("batch/v1", "Job", {"status": {"conditions": [{"type": kind, "status": "True", **more}]}})

    assert job("Complete").state == "ready"
    assert job("Failed", message="backoff limit").message == "the Job failed: backoff limit"
    assert job("Suspended").message == "the Job is suspended"
    assert verdict("batch/v1", "Job", {"status": {"active": 1}}).state == "waiting"


def test_a_pod_that_waits_tells_the_schedulers_words():
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    found = verdict("v1", "Pod", {"status": {"phase": "Pending", "conditions": [condition]}})
    assert (found.state, found.message) == ("waiting", "Unschedulable: 0/3 nodes")


def test_a_pod_whose_image_does_not_come_tells_the_kubelets_words():
    state = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    pod = {"status": {"containerStatuses": [{"name": "web", "state": state}]}}
    assert pod_trouble(pod) == "container web: ImagePullBackOff no such image"


def test_a_claim_is_ready_when_bound_or_when_it_binds_at_its_first_consumer():
    def claim(phase: str, mode: str = "Immediate"):
        around = Surroundings(binding_mode=lambda: mode)
        return verdict("v1", "PersistentVolumeClaim", {"status": {"phase": phase}}, around).state

    assert claim("Bound") == "ready"
    assert claim("Pending", "WaitForFirstConsumer") == "ready"
    assert claim("Pending") == "waiting"
    assert claim("Lost") == "failed"


def service(spec: dict, slices: list | None = None, status: dict | None = None):
    around = Surroundings(endpoint_slices=lambda: slices or [])
    return verdict("v1", "Service", {"spec": spec, "status": status or {}}, around)


def test_a_service_waits_for_the_endpoints_that_its_selector_finds():
    selector = {"selector": {"a": "b"}, "clusterIP": "10.0.0.1"}
    unready = {"endpoints": [{"conditions": {"ready": False}}, {"conditions": {"ready": True}}]}
    assert service(selector).message == "the endpoints controller has not seen the Service yet"
    assert service(selector, [unready]).message == "1 of 2 endpoints are not ready"
    assert service(selector, [{"endpoints": None}]).state == "ready"


@pytest.mark.parametrize(
    "spec", [{"clusterIP": "10.0.0.1"}, {"selector": {"a": "b"}, "clusterIP": "None"}, {"type": "ExternalName"}]
)
def test_a_service_without_a_selector_or_an_address_of_its_own_is_ready_at_once(spec):
    assert service(spec).state == "ready"


def test_a_load_balancer_waits_for_its_address():
    spec = {"type": "LoadBalancer"}
    assert service(spec).message == "no load balancer address has been assigned"
    assert service(spec, status={"loadBalancer": {"ingress": [{"ip": "10.96.0.9"}]}}).state == "ready"


def test_a_definition_is_ready_when_established_and_failed_when_its_names_are_taken():
    def definition(*conditions: dict):
        obj = {"status": {"conditions": list(conditions)}}
        return verdict("apiextensions.k8s.io/v1", "CustomResourceDefinition", obj)

    assert definition({"type": "Established", "status": "True"}).state == "ready"
    assert definition().state == "waiting"
    taken = definition({"type": "NamesAccepted", "status": "False", "message": "taken"})
    assert (taken.state, taken.message) == ("failed", "taken")


def test_kinds_that_only_have_to_exist_are_not_waited_for():
    assert judge_of("v1", "ConfigMap") is None
    assert judge_of("trainer.kubeflow.org/v1alpha1", "TrainJob") is None


def test_what_holds_back_a_deletion_is_told():
    namespace = {
        "metadata": {},
        "status": {"conditions": [{"type": "NamespaceContentRemaining", "status": "True", "message": "pods remain"}]},
    }
    assert finalizer_words(namespace) == "pods remain"
    assert finalizer_words({"metadata": {"finalizers": ["a/b"]}}) == "its finalizers are a/b"
