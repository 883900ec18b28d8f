"""Whether an object is ready, as pure functions of what the API server shows of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Object = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    state: Literal["ready", "waiting", "failed"]
    message: str = ""


@dataclass(frozen=True)
class Surroundings:
    """What a verdict may need beside the object; fetched only when asked for."""

    endpoint_slices: Callable[[], list[Object]] = list
    binding_mode: Callable[[], str] = lambda: "Immediate"


Judge = Callable[[Object, Surroundings], Verdict]
READY = Verdict("ready")


def waiting(message: str) -> Verdict:
    return Verdict("waiting", message)


def failed(message: str) -> Verdict:
    return Verdict("failed", message)


def condition(obj: Object, kind: str) -> Object:
    """The condition of that type, {} where there is none."""
    for entry in obj.get("status", {}).get("conditions") or []:
        if entry.get("type") == kind:
            return entry
    return {}


def _observed(obj: Object) -> bool:
    return obj.get("status", {}).get("observedGeneration", 0) >= obj["metadata"].get("generation", 0)


def deployment(obj: Object, _: Surroundings) -> Verdict:
    status, wanted = obj.get("status", {}), obj["spec"].get("replicas", 1)
    progressing = condition(obj, "Progressing")
    if not _observed(obj):
        return waiting("the Deployment controller has not seen this generation yet")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return failed(progressing.get("message", "the rollout exceeded its progress deadline"))
    if obj["spec"].get("paused"):
        return READY
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    if updated < wanted:
        return waiting(f"{updated} of {wanted} replicas have been updated")
    if total > wanted:
        return waiting(f"{total - wanted} replicas are still to go")
    if (available := status.get("availableReplicas", 0)) < wanted:
        return waiting(f"{available} of {wanted} updated replicas are available")
    return READY


def stateful_set(obj: Object, _: Surroundings) -> Verdict:
    spec, status = obj["spec"], obj.get("status", {})
    wanted, strategy = spec.get("replicas", 1), spec.get("updateStrategy", {})
    if not _observed(obj):
        return waiting("the StatefulSet controller has not seen this generation yet")
    if (ready := status.get("readyReplicas", 0)) < wanted:
        return waiting(f"{ready} of {wanted} pods are ready")
    if strategy.get("type", "RollingUpdate") == "OnDelete":
        return READY
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    if partition and status.get("updatedReplicas", 0) >= wanted - partition:
        return READY
    if status.get("updateRevision") != status.get("currentRevision"):
        return waiting(f"{status.get('updatedReplicas', 0)} of {wanted} pods have been updated")
    return READY


def daemon_set(obj: Object, _: Surroundings) -> Verdict:
    status = obj.get("status", {})
    wanted = status.get("desiredNumberScheduled", 0)
    if not _observed(obj):
        return waiting("the DaemonSet controller has not seen this generation yet")
    on_delete = obj["spec"].get("updateStrategy", {}).get("type") == "OnDelete"
    if not on_delete and (updated := status.get("updatedNumberScheduled", 0)) < wanted:
        return waiting(f"{updated} of {wanted} pods have been updated")
    if (available := status.get("numberAvailable", 0)) < wanted:
        return waiting(f"{available} of {wanted} pods are available")
    return READY


def job(obj: Object, _: Surroundings) -> Verdict:
    if condition(obj, "Complete").get("status") == "True":
        return READY
    if (failure := condition(obj, "Failed")).get("status") == "True":
        return failed(f"the Job failed: {failure.get('message') or failure.get('reason')}")
    if condition(obj, "Suspended").get("status") == "True":
        return waiting("the Job is suspended")
    status = obj.get("status", {})
    return waiting(f"{status.get('succeeded', 0)} of {obj['spec'].get('completions') or 1} completions")


def pod(obj: Object, _: Surroundings) -> Verdict:
    phase = obj.get("status", {}).get("phase")
    if phase == "Succeeded" or condition(obj, "Ready").get("status") == "True":
        return READY
    if phase == "Failed":
        return failed(obj["status"].get("message") or "the Pod failed")
    return waiting(pod_trouble(obj) or f"the Pod is {phase or 'not seen yet'}")


def pod_trouble(obj: Object) -> str:
    """What keeps a pod from running, in the scheduler's or the kubelet's words; "" where nothing does."""
    scheduled = condition(obj, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason')}: {scheduled.get('message')}"
    status = obj.get("status", {})
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = container.get("state", {}).get("waiting") or container.get("state", {}).get("terminated") or {}
        if state.get("reason") not in (None, "ContainerCreating", "PodInitializing", "Completed"):
            return f"container {container['name']}: {state['reason']} {state.get('message', '')}".strip()
    return ""


def claim(obj: Object, around: Surroundings) -> Verdict:
    """A claim that binds at its first consumer is ready while it is pending, or nothing would ever consume it."""
    phase = obj.get("status", {}).get("phase")
    if phase == "Bound":
        return READY
    if phase == "Lost":
        return failed("the claim has lost its volume")
    if phase == "Pending" and around.binding_mode() == "WaitForFirstConsumer":
        return READY
    return waiting(f"the claim is {phase or 'not seen yet'}")


def volume(obj: Object, _: Surroundings) -> Verdict:
    phase = obj.get("status", {}).get("phase")
    return READY if phase in ("Available", "Bound") else waiting(f"the volume is {phase or 'not seen yet'}")


def service(obj: Object, around: Surroundings) -> Verdict:
    """An address where one was asked for, and no endpoint that is not ready among those that its selector finds."""
    spec = obj["spec"]
    if spec.get("type") == "LoadBalancer" and not obj.get("status", {}).get("loadBalancer", {}).get("ingress"):
        return waiting("no load balancer address has been assigned")
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None" or not spec.get("selector"):
        return READY
    slices = around.endpoint_slices()
    if not slices:
        return waiting("the endpoints controller has not seen the Service yet")
    endpoints = [endpoint for piece in slices for endpoint in piece.get("endpoints") or []]
    unready = sum(not (endpoint.get("conditions") or {}).get("ready", True) for endpoint in endpoints)
    return waiting(f"{unready} of {len(endpoints)} endpoints are not ready") if unready else READY


def namespace(obj: Object, _: Surroundings) -> Verdict:
    phase = obj.get("status", {}).get("phase")
    return READY if phase == "Active" else waiting(f"the namespace is {phase or 'not seen yet'}")


def custom_resource_definition(obj: Object, _: Surroundings) -> Verdict:
    refused = condition(obj, "NamesAccepted")
    if refused.get("status") == "False":
        return failed(refused.get("message", "the names are taken"))
    if condition(obj, "Established").get("status") == "True":
        return READY
    return waiting("the definition is not established yet")


def resource_quota(obj: Object, _: Surroundings) -> Verdict:
    wanted, seen = obj["spec"].get("hard", {}), obj.get("status", {}).get("hard", {})
    return READY if wanted.keys() <= seen.keys() else waiting("the quota is not counted yet")


JUDGES: dict[tuple[str, str], Judge] = {
    ("", "Namespace"): namespace,
    ("", "PersistentVolume"): volume,
    ("", "PersistentVolumeClaim"): claim,
    ("", "Pod"): pod,
    ("", "ResourceQuota"): resource_quota,
    ("", "Service"): service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): custom_resource_definition,
    ("apps", "DaemonSet"): daemon_set,
    ("apps", "Deployment"): deployment,
    ("apps", "StatefulSet"): stateful_set,
    ("batch", "Job"): job,
}


def judge_of(api_version: str, kind: str) -> Judge | None:
    """How readiness is determined for a kind; None if existing is enough."""
    group = api_version.rpartition("/")[0]
    return JUDGES.get((group, kind))
