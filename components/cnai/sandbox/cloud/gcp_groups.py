"""GKE node pools as records: counts are per zone, as Google has them."""

from collections.abc import Iterator, Mapping
from typing import Any

from cnai.clouds.pools import TaintEffect
from cnai.plugin.values import plain
from cnai.sandbox.cloud.account import Account
from cnai.sandbox.cloud.groups import Group, taints

EFFECTS: Mapping[str, TaintEffect] = {
    "NO_SCHEDULE": "NoSchedule",
    "PREFER_NO_SCHEDULE": "PreferNoSchedule",
    "NO_EXECUTE": "NoExecute",
}
DEFAULT_MACHINE = "e2-medium"


def groups(account: Account, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Iterator[Group]:
    config, zones = inputs.get("nodeConfig") or {}, _zones(account, inputs)
    scaling, each = inputs.get("autoscaling"), max(1, len(zones))
    labels: dict[str, str] = plain(config.get("labels") or {})
    name = str(outputs["name"])
    low, high = _bounds(inputs, scaling, each)
    yield Group(
        name=name,
        cloud="gcp",
        kind="node pool",
        pool=labels.get("cnai.dev/pool", name),
        machine=config.get("machineType", DEFAULT_MACHINE),
        min=low,
        max=high,
        desired=_desired(inputs, low, each),
        autoscaled=scaling is not None,
        capacity=labels.get("cnai.dev/capacity") or _route(inputs, config),
        zones=zones,
        region=str(inputs.get("location") or account.region),
        labels={**_own_labels(name, config), **labels},
        taints=taints(config.get("taints") or (), EFFECTS),
        kubernetes=str(inputs.get("version") or ""),
        image="/".join(str(part) for part in (config.get("imageType"), inputs.get("version")) if part),
        accelerator=_accelerator(config),
        topology=str((inputs.get("placementPolicy") or {}).get("tpuTopology") or ""),
    )


def _zones(account: Account, inputs: Mapping[str, Any]) -> list[str]:
    if inputs.get("nodeLocations"):
        return sorted(inputs["nodeLocations"])
    cluster = next(
        (
            record
            for record in account.store.all("gcp:container/cluster:Cluster")
            if inputs.get("cluster") in (record.id, record.outputs.get("name"))
        ),
        None,
    )
    if cluster and cluster.outputs.get("nodeLocations"):
        return sorted(cluster.outputs["nodeLocations"])
    location = str(inputs.get("location") or account.region)
    if location.count("-") > 1:
        return [location]
    from cnai.clouds.gcp.settings import regions  # here, since most programs name their zones

    # A regional pool without locations is in three of the region's zones.
    return list(regions().get(location, ())[:3])


def _bounds(inputs: Mapping[str, Any], scaling: Mapping[str, Any] | None, zones: int) -> tuple[int, int]:
    if scaling is None:
        fixed = int(inputs.get("nodeCount", inputs.get("initialNodeCount", 0))) * zones
        return fixed, fixed
    if "totalMaxNodeCount" in scaling:
        return int(scaling.get("totalMinNodeCount", 0)), int(scaling["totalMaxNodeCount"])
    return int(scaling.get("minNodeCount", 0)) * zones, int(scaling.get("maxNodeCount", 0)) * zones


def _desired(inputs: Mapping[str, Any], low: int, zones: int) -> int:
    return max(low, int(inputs.get("nodeCount", inputs.get("initialNodeCount", 0))) * zones)


def _route(inputs: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    if config.get("spot") or config.get("preemptible"):
        return "spot"
    if (inputs.get("queuedProvisioning") or {}).get("enabled") or config.get("flexStart"):
        return "queued"
    affinity = config.get("reservationAffinity") or {}
    return "reserved" if affinity.get("consumeReservationType") == "SPECIFIC_RESERVATION" else "on-demand"


def _own_labels(name: str, config: Mapping[str, Any]) -> dict[str, str]:
    """https://cloud.google.com/kubernetes-engine/docs/concepts/node-pools"""
    labels = {"cloud.google.com/gke-nodepool": name}
    if config.get("spot"):
        labels["cloud.google.com/gke-spot"] = "true"
    return labels


def _accelerator(config: Mapping[str, Any]) -> str:
    """Of GPUs; a TPU follows from the machine type."""
    return next((str(each["type"]) for each in config.get("guestAccelerators") or []), "")
