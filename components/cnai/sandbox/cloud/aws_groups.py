"""EKS node groups as records: sizes from the group, the machine from its launch template, zones from its subnets."""

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
ROUTES = {"ON_DEMAND": "on-demand", "SPOT": "spot", "CAPACITY_BLOCK": "block"}


def groups(account: Account, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Iterator[Group]:
    template, scaling = _template(account, inputs), inputs.get("scalingConfig") or {}
    labels: dict[str, str] = plain(inputs.get("labels") or {})
    name, market = str(outputs["nodeGroupName"]), inputs.get("capacityType", "ON_DEMAND")
    machines = inputs.get("instanceTypes") or [template.get("instanceType", "")]
    own = {"eks.amazonaws.com/nodegroup": name, "eks.amazonaws.com/capacityType": market}
    yield Group(
        name=name,
        cloud="aws",
        kind="managed node group",
        pool=labels.get("cnai.dev/pool", name),
        machine=machines[0],
        min=scaling.get("minSize", 0),
        max=scaling.get("maxSize", 0),
        desired=scaling.get("desiredSize", 0),
        # Nothing scales a managed node group unless the cluster autoscaler is installed.
        autoscaled=False,
        capacity=labels.get("cnai.dev/capacity", ROUTES[market]),
        zones=sorted({_zone(account, subnet) for subnet in inputs["subnetIds"]} - {""}),
        region=account.region,
        labels={**own, **labels},
        taints=taints(inputs.get("taints") or (), EFFECTS),
        kubernetes=str(inputs.get("version") or outputs.get("version") or ""),
        image=_image(inputs, template),
    )


def _template(account: Account, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    named = inputs.get("launchTemplate") or {}
    for record in account.store.all("aws:ec2/launchTemplate:LaunchTemplate"):
        if named and named.get("id", named.get("name")) in (record.id, record.outputs.get("name")):
            return record.outputs
    return {}


def _zone(account: Account, subnet: str) -> str:
    found = account.store.get("aws:ec2/subnet:Subnet", subnet)
    return str(found.outputs.get("availabilityZone", "")) if found else ""


def _image(inputs: Mapping[str, Any], template: Mapping[str, Any]) -> str:
    version = (inputs.get("launchTemplate") or {}).get("version", "")
    parts = (inputs.get("amiType"), inputs.get("releaseVersion"), template.get("imageId"), version)
    return "/".join(str(part) for part in parts if part)
