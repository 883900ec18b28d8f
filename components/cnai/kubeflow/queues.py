"""Which Kueue queue a job waits in (the one that is named, else the team's own), and why it waits, in Kueue's words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cnai.clouds.pools import POOL_LABEL
from cnai.errors import UserError
from cnai.kube import ApiError, Kube, NoKindError

GROUP = "kueue.x-k8s.io"
QUEUE_LABEL = f"{GROUP}/queue-name"
"""On a TrainJob: https://kueue.sigs.k8s.io/docs/tasks/run/trainjobs/"""
DEFAULT = "default"
"""The LocalQueue that Kueue itself takes for jobs that name none."""
PRIORITY_LABEL = f"{GROUP}/priority-class"
PREFERRED_TOPOLOGY = f"{GROUP}/podset-preferred-topology"
"""On pods: the widest of the topology's levels that they should not leave."""
_JOB = f"{GROUP}/job-uid"
_VERSIONS = ("v1beta2", "v1beta1")

Object = Mapping[str, Any]


def local_queues(kube: Kube, namespace: str) -> list[str] | None:
    """Names of a namespace's LocalQueues, none where Kueue is not there; None for who may not look at them."""
    found = _listed(kube, "LocalQueue", namespace)
    return None if found is None else sorted(each["metadata"]["name"] for each in found)


def _listed(kube: Kube, kind: str, namespace: str | None = None, selector: str | None = None) -> list[Object] | None:
    """None for who may not look at them."""
    for version in _VERSIONS:
        try:
            return list(kube.list(f"{GROUP}/{version}", kind, namespace, selector))
        except NoKindError:
            continue
        except ApiError as error:
            if error.status != 403:
                raise
            return None
    return []


def topology_level(kube: Kube, pool: str) -> str | None:
    """The widest level by which Kueue places pods in a pool; None where it leaves them to the scheduler."""
    flavors = _listed(kube, "ResourceFlavor") or ()
    names = (
        each["spec"]["topologyName"]
        for each in flavors
        if each.get("spec", {}).get("nodeLabels", {}).get(POOL_LABEL) == pool and "topologyName" in each["spec"]
    )
    if (name := next(names, None)) is None:
        return None
    topologies = {each["metadata"]["name"]: each for each in _listed(kube, "Topology") or ()}
    return topologies[name]["spec"]["levels"][0]["nodeLabel"] if name in topologies else None


def waits_for(kube: Kube, namespace: str, uid: str) -> str:
    """Why the job with this UID is not admitted, in Kueue's words; empty where it is, or Kueue has no part in it."""
    workloads = _listed(kube, "Workload", namespace, f"{_JOB}={uid}") or ()
    return next((reason for each in workloads if (reason := reason_of(each))), "")


def reason_of(workload: Object) -> str:
    status = workload.get("status", {})
    conditions = {each["type"]: each for each in status.get("conditions", ())}

    def holds(kind: str) -> bool:
        return conditions.get(kind, {}).get("status") == "True"

    if holds("Finished") or holds("Admitted"):
        return ""
    if holds("QuotaReserved"):
        return "; ".join(_pending_checks(status)) or "its quota is reserved, it is not admitted yet"
    evicted = conditions["Evicted"].get("message", "") if holds("Evicted") else ""
    words = (evicted, conditions.get("QuotaReserved", {}).get("message", ""))
    return "; ".join(word for word in words if word) or "its queue has not looked at it yet"


def _pending_checks(status: Object) -> Iterator[str]:
    for check in status.get("admissionChecks", ()):
        if check["state"] != "Ready":
            yield f"{check['name']}: {check.get('message') or check['state']}"


def queue_of(wanted: str | None, queues: Sequence[str] | None, team: str, *, needed: bool) -> str | None:
    """None where there is no queue. Raises `UserError` for one that is not there, or where it is not clear which.

    `needed` where the environment says that GPU jobs wait in queues (`cnai:policies.queues`).
    """
    if wanted is not None:
        if queues is not None and wanted not in queues:
            raise UserError(f"queue: team {team} has no LocalQueue {wanted!r}: {_choices(queues)}")
        return wanted
    if queues:
        if len(queues) > 1 and DEFAULT not in queues:
            raise UserError(f"queue: team {team} has several LocalQueues: say --queue with one of {', '.join(queues)}")
        return DEFAULT if DEFAULT in queues else queues[0]
    if needed:
        why = "may not be looked at" if queues is None else "are not there"
        raise UserError(
            f"queue: jobs wait in queues here (cnai:policies.queues), but LocalQueues of {team} {why}: "
            "make one, or name one with --queue"
        )
    return None


def _choices(queues: Sequence[str]) -> str:
    return f"give one of {', '.join(queues)}" if queues else "it has none, leave --queue out"
