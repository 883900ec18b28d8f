"""What a cluster that exists already has of what an environment wants."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cnai.clouds.pools import PoolPlan
from cnai.environment import Environment
from cnai.errors import UserError
from cnai.kube import ApiError, Kube, Object
from cnai.operations.findings import Finding, failed, passed, unchecked, warned
from cnai.quantities import amount

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
KEPT_FREE = 0.9
"""What a machine type promises and a kubelet publishes differ by what firmware, kernel and kubelet keep."""


def findings(environment: Environment) -> Iterator[Finding]:
    context = str(getattr(environment.cloud_settings, "context", "") or "")
    try:
        kube = Kube.from_kubeconfig(kubeconfig(), context or None)
        nodes, classes = kube.list("v1", "Node"), kube.list("storage.k8s.io/v1", "StorageClass")
    except (UserError, ApiError) as error:
        yield failed("cluster", context or "current context", str(error), "see to KUBECONFIG, and to the way there")
        for check in ("nodes", "storage"):
            yield unchecked(check, "every pool", "the cluster does not answer", "see to it first")
        return
    yield passed("cluster", context or "current context", f"{kube.server} answers")
    yield from node_findings(environment.pools.values(), nodes)
    yield default_class_finding(classes)


def kubeconfig() -> Path:
    """The first file that KUBECONFIG names, else kubectl's own default."""
    return Path(os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or "~/.kube/config").expanduser()


def node_findings(plans: Iterable[PoolPlan], nodes: list[Object]) -> Iterator[Finding]:
    for plan in plans:
        chosen = [node for node in nodes if _has(node["metadata"].get("labels") or {}, plan.node_selector)]
        yield _enough(plan, chosen)
        for node in chosen:
            if small := list(_smaller(plan, node["status"].get("allocatable") or {})):
                text = f"{node['metadata']['name']} has {'; '.join(small)}"
                yield failed(
                    "nodes", plan.name, text, f"name the machine that these nodes are, not {plan.machine.name}"
                )


def _enough(plan: PoolPlan, chosen: list[Object]) -> Finding:
    ready = [node for node in chosen if _is_ready(node)]
    selector = ", ".join(f"{key}={value}" for key, value in sorted(plan.node_selector.items()))
    text = f"{len(ready)} of {len(chosen)} nodes with {selector} are ready; the pool says {plan.min} to {plan.max}"
    if len(ready) < plan.min:
        return failed("nodes", plan.name, text, f"label more nodes {selector}, see to those not ready, or lower min")
    if len(chosen) > plan.max:
        return warned("nodes", plan.name, text, "raise max: quotas are reckoned with it")
    return passed("nodes", plan.name, text)


def _smaller(plan: PoolPlan, allocatable: Mapping[str, str]) -> Iterator[str]:
    machine = plan.machine
    wanted = {"cpu": machine.vcpu * KEPT_FREE, "memory": machine.memory_gib * 2**30 * KEPT_FREE}
    for resource, least in wanted.items():
        if (has := amount(allocatable.get(resource, "0"))) < least:
            yield f"{resource} {allocatable.get(resource, 'none')} ({has:.0f}), and {machine.name} {least:.0f} at least"
    # The operator's device plugin comes with `up`: no accelerators yet is no fault.
    devices = plan.gpu_resource or ""
    if devices in allocatable and amount(allocatable[devices]) < plan.gpus_per_node:
        yield f"{allocatable[devices]} {devices}, and the pool says {plan.gpus_per_node}"


def default_class_finding(classes: list[Object]) -> Finding:
    default = [
        each["metadata"]["name"]
        for each in classes
        if (each["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"
    ]
    if len(default) == 1:
        return passed("storage", "default class", f"{default[0]} is the default StorageClass")
    have = ", ".join(each["metadata"]["name"] for each in classes) or "none at all"
    if default:
        text = f"{' and '.join(default)} are all marked as the default StorageClass"
        return warned("storage", "default class", text, "leave the mark on one of them")
    text = f"no StorageClass is the default (there are: {have})"
    return warned("storage", "default class", text, f"annotate one {DEFAULT_CLASS}=true, or let `up` bring storage")


def _has(labels: Mapping[str, str], selector: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = node["status"].get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
