"""Groups, nodes and pods as the planners' tests put them together."""

import json
from typing import Any

from cnai.sandbox.controllers.groups import facts, records
from cnai.sandbox.controllers.groups.facts import Node, Pod
from cnai.sandbox.controllers.groups.records import Group

GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def record(name: str, annotations: dict[str, str] | None = None, **facts_: Any) -> dict[str, Any]:
    """The ConfigMap that whoever plays the cloud writes; of H100 machines unless said otherwise."""
    group = {
        "name": name,
        "cloud": "local",
        "kind": "test",
        "pool": "h100",
        "machine": "h100-8",
        "min": 0,
        "max": 4,
        "desired": 0,
        "autoscaled": True,
        "capacity": "on-demand",
        "weight": 0,
        "zones": ["local-a", "local-b"],
        "region": "local",
        "labels": {"cnai.dev/pool": "h100"},
        "taints": [GPU_TAINT],
        "kubernetes": "1.36",
        "image": "one",
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"node-group-{name}",
            "namespace": "kube-system",
            "labels": {"cnai.dev/node-group": "true"},
            **({"annotations": annotations} if annotations else {}),
        },
        "data": {"group": json.dumps(group | facts_)},
    }


def group(name: str = "h100", **facts_: Any) -> Group:
    return records.group(record(name, **facts_))


def node(of: Group, index: int = 0, zone: str = "local-a", **changes: Any) -> Node:
    made = of.manifest(index, zone)
    made["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    found = facts.node(made)
    return Node(**{name: getattr(found, name) for name in Node.__dataclass_fields__} | changes)


def pod_object(name: str, gpus: int = 8, node: str = "", owner: str = "Job", **spec: Any) -> dict[str, Any]:
    conditions = [] if node else [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
    limits = {"nvidia.com/gpu": str(gpus)} if gpus else {"cpu": "1"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": name,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "ownerReferences": [{"kind": owner}],
        },
        "spec": {
            "containers": [{"name": "c", "image": "x", "resources": {"limits": limits}}],
            "nodeSelector": {"cnai.dev/pool": "h100"},
            "tolerations": [TOLERATION],
            **({"nodeName": node} if node else {}),
            **spec,
        },
        "status": {"phase": "Running" if node else "Pending", "conditions": conditions},
    }


def pod(name: str, gpus: int = 8, node: str = "", owner: str = "Job", **spec: Any) -> Pod:
    return facts.pod(pod_object(name, gpus, node, owner, **spec))
