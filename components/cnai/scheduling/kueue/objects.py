"""Kueue's objects, as the API server takes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from cnai.clouds.devices import GPU
from cnai.scheduling.kueue.flavors import QUEUED, Flavor, resource_flavor
from cnai.scheduling.kueue.quotas import Amounts, Shares, covered, left_over, quantity, share
from cnai.tenancy.names import PRIORITY_VALUES, priority_class

GROUP = "kueue.x-k8s.io"
API = f"{GROUP}/v1beta2"
TOPOLOGY = "network"
LOCAL_QUEUE = "default"
"""Jobs of a namespace that name no queue are put into the one of this name:
https://kueue.sigs.k8s.io/docs/tasks/manage/enforce_job_management/setup_default_local_queue/"""

Object = dict[str, Any]


def shared(
    environment: str, flavors: Sequence[Flavor], given: Shares, levels: Sequence[str], provisioning_class: str
) -> dict[str, Object]:
    """What all teams' queues stand on, by role of the resource's name: each after those before it."""
    found = {f"priority-{name}": workload_priority(name, value) for name, value in PRIORITY_VALUES.items()}
    if any(each.near for each in flavors):
        spec = {"levels": [{"nodeLabel": level} for level in levels]}
        found["topology"] = _object("Topology", TOPOLOGY, spec=spec)
    if any(each.requested for each in flavors):
        found["provisioning"] = provisioning_config(provisioning_class)
        found["queued"] = admission_check()
    found |= {
        f"flavor-{each.name}": _object("ResourceFlavor", each.name, spec=resource_flavor(each, TOPOLOGY))
        for each in flavors
    }
    return found | {"cohort": cohort(environment, flavors, given)}


def workload_priority(name: str, value: int) -> Object:
    """Pods' PriorityClasses of the same name, for the queue alone."""
    return _object("WorkloadPriorityClass", priority_class(name), value=value, description=f"Teams' {name} jobs.")


def provisioning_config(provisioning_class: str) -> Object:
    """One pod template for all that is alike: GKE takes requests with a single one."""
    spec = {
        "provisioningClassName": provisioning_class,
        "managedResources": [GPU],
        "podSetMergePolicy": "IdenticalWorkloadSchedulingRequirements",
    }
    return _object("ProvisioningRequestConfig", QUEUED, spec=spec)


def admission_check() -> Object:
    parameters = {"apiGroup": GROUP, "kind": "ProvisioningRequestConfig", "name": QUEUED}
    spec = {"controllerName": f"{GROUP}/provisioning-request", "parameters": parameters}
    return _object("AdmissionCheck", QUEUED, spec=spec)


def cohort(environment: str, flavors: Sequence[Flavor], given: Shares) -> Object:
    """All queues of an environment: they lend each other what they leave idle, and the cohort what is nobody's."""
    quotas = [_quotas(each, left_over(each, given), covered(flavors)) for each in flavors]
    return _object("Cohort", environment, spec={"resourceGroups": _groups(quotas, flavors)})


def cluster_queue(
    team: str, environment: str, flavors: Sequence[Flavor], given: Mapping[str, int], *, borrow: bool
) -> Object:
    """Quota for the team's pools, and for CPU nodes as much as is free. What was lent is taken back by preemption."""
    mine = [each for each in flavors if not each.pool.gpus_per_node or each.name in given]
    quotas = [_team_quotas(each, given.get(each.name, 0), covered(flavors), borrow=borrow) for each in mine]
    spec: Object = {
        "cohortName": environment,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": team}},
        "preemption": {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"},
        "resourceGroups": _groups(quotas, flavors),
    }
    if queued := [each.name for each in mine if each.requested]:
        spec["admissionChecksStrategy"] = {"admissionChecks": [{"name": QUEUED, "onFlavors": queued}]}
    return _object("ClusterQueue", team, spec=spec)


def local_queue(team: str) -> Object:
    found = _object("LocalQueue", LOCAL_QUEUE, spec={"clusterQueue": team})
    return {**found, "metadata": {"name": LOCAL_QUEUE, "namespace": team}}


def _groups(quotas: list[Object], flavors: Sequence[Flavor]) -> list[Object]:
    """One group: a pod gets all its resources from one flavor, since they are on one node."""
    return [{"coveredResources": covered(flavors), "flavors": quotas}]


def _team_quotas(flavor: Flavor, gpus: int, resources: Sequence[str], *, borrow: bool) -> Object:
    has_gpus = flavor.pool.gpus_per_node > 0
    own = share(flavor.pool, gpus) if has_gpus else {}
    return _quotas(flavor, own, resources, fixed=has_gpus and not borrow)


def _quotas(flavor: Flavor, amounts: Amounts, resources: Sequence[str], *, fixed: bool = False) -> Object:
    """`fixed`: nothing beyond it may be borrowed."""
    limit = {"borrowingLimit": "0"} if fixed else {}
    return {
        "name": flavor.name,
        "resources": [
            {"name": name, "nominalQuota": quantity(name, amounts.get(name, 0)), **limit} for name in resources
        ],
    }


def _object(kind: str, name: str, **content: Any) -> Object:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, **content}
