"""AKS agent pools as records: separate resources, or profiles within the cluster's."""

from collections.abc import Iterator, Mapping
from typing import Any

from cnai.clouds.pools import Taint, TaintEffect
from cnai.plugin.values import plain
from cnai.sandbox.cloud.account import Account
from cnai.sandbox.cloud.groups import Group


def pool(account: Account, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Iterator[Group]:
    cluster = next(
        (
            record
            for record in account.store.all("azure-native:containerservice:ManagedCluster")
            if record.outputs.get("name") == inputs.get("resourceName")
        ),
        None,
    )
    region = str(cluster.outputs.get("location", "")) if cluster else account.region
    version = str(cluster.outputs.get("kubernetesVersion", "")) if cluster else ""
    yield _group({**inputs, "name": outputs["name"]}, region, version)


def profiles(account: Account, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Iterator[Group]:
    del outputs
    for profile in inputs.get("agentPoolProfiles") or ():
        yield _group(profile, str(inputs.get("location") or account.region), str(inputs.get("kubernetesVersion") or ""))


def _group(profile: Mapping[str, Any], region: str, version: str) -> Group:
    labels: dict[str, str] = plain(profile.get("nodeLabels") or {})
    count, scaled = int(profile.get("count", 0)), bool(profile.get("enableAutoScaling"))
    name = str(profile["name"])
    spot = str(profile.get("scaleSetPriority", "")).lower() == "spot"
    own = {
        "kubernetes.azure.com/agentpool": name,
        "kubernetes.azure.com/mode": str(profile.get("mode", "User")).lower(),
    }
    low = int(profile.get("minCount", count)) if scaled else count
    given = [_taint(text) for text in profile.get("nodeTaints") or ()]
    kubernetes = str(profile.get("orchestratorVersion") or version)
    return Group(
        name=name,
        cloud="azure",
        kind="agent pool",
        pool=labels.get("cnai.dev/pool", name),
        machine=str(profile.get("vmSize", "")),
        min=low,
        max=int(profile.get("maxCount", count)) if scaled else count,
        desired=max(low, count),
        autoscaled=scaled,
        capacity=labels.get("cnai.dev/capacity", "spot" if spot else "on-demand"),
        # AKS calls a region's zones 1, 2 and 3; its nodes say which region's.
        zones=[f"{region}-{zone}" for zone in profile.get("availabilityZones") or ()],
        region=region,
        labels={**own, **({"kubernetes.azure.com/scalesetpriority": "spot"} if spot else {}), **labels},
        taints=[*given, *([SPOT] if spot and SPOT not in given else [])],
        kubernetes=kubernetes,
        image="/".join(str(part) for part in (profile.get("osSKU"), kubernetes) if part),
    )


SPOT = Taint(key="kubernetes.azure.com/scalesetpriority", value="spot")
"""https://learn.microsoft.com/azure/aks/spot-node-pool: every node of a spot pool has it."""


def _taint(text: str) -> Taint:
    """`key=value:NoSchedule`."""
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    effects: Mapping[str, TaintEffect] = {each: each for each in ("NoSchedule", "PreferNoSchedule", "NoExecute")}
    return Taint(key=key, value=value, effect=effects[effect])
