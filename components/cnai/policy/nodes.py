"""What makes nodes, and which pools of them share their GPUs."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cnai.policy.fields import at, holds_unknown, readable
from cnai.policy.model import Resource

POOL = "cnai.dev/pool"
NODES: Mapping[str, str] = {
    "Node": "metadata.labels",
    "karpenter.sh/NodePool": "spec.template.metadata.labels",
    "aws:eks/nodeGroup:NodeGroup": "labels",
    "gcp:container/nodePool:NodePool": "nodeConfig.labels",
    "azure-native:containerservice:AgentPool": "nodeLabels",
}
"""Kind -> where the labels of its nodes are."""


def shared_pools(resources: Iterable[Resource], told: Any) -> tuple[dict[str, str], bool]:
    """Pool -> how its GPUs are shared, as the environment says it and as nodes and node pools say it of themselves;
    and whether some of it is not known.
    """
    pools, vague = {**told} if isinstance(told, Mapping) else dict[str, str](), False
    for node in (one for one in resources if one.kind in NODES):
        labels = at(node.body, NODES[node.kind]) if readable([node], NODES[node.kind]) else None
        vague = vague or holds_unknown(labels)
        if isinstance(labels, dict) and isinstance(labels.get(POOL), str) and (how := sharing(labels)):
            pools[labels[POOL]] = how
    return pools, vague


def sharing(labels: Mapping[str, Any]) -> str:
    """What labels of nodes, or a selector of them, say: ours, the GPU operator's, and GKE's own."""
    said = {key: value for key, value in labels.items() if isinstance(value, str) and value}
    config, replicas = said.get("nvidia.com/mig.config", "disabled"), said.get("nvidia.com/gpu.replicas", "")
    # GPU Feature Discovery writes the strategy on every node, cut or not: only the product tells.
    cut = "-MIG-" in said.get("nvidia.com/gpu.product", "") or "cloud.google.com/gke-gpu-partition-size" in said
    if cut or not config.endswith("disabled"):
        return "cut into MIG instances"
    slices = re.fullmatch(r"time-slices-([0-9]+)", said.get("nvidia.com/device-plugin.config", ""))
    shares = replicas if replicas.isascii() and replicas.isdigit() else slices[1] if slices else "1"
    strategy = said.get("nvidia.com/gpu.sharing-strategy") in ("time-slicing", "mps")
    shared = strategy or "cloud.google.com/gke-gpu-sharing-strategy" in said
    return "shared in time" if shared or int(shares[:9]) > 1 else ""
