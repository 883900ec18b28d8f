"""What an environment finds there on the real thing, where it makes no nodes itself: nodes, and a StorageClass."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cnai.sandbox.cloud import classes
from cnai.sandbox.cloud.groups import LABEL, NAMESPACE, Group, remove, settle

if TYPE_CHECKING:
    from cnai.clouds.pools import PoolPlan
    from cnai.environment import Environment
    from cnai.kube import Kube

SEEDED = "cnai.dev/seeded"
KIND = "existing nodes"
NODES_S = 300.0


def seed(kube: "Kube", environment: "Environment") -> None:
    """Each pool's `min` nodes, with the labels that select them; what an earlier stack file had goes."""
    groups = [group(environment.cloud, environment.cloud_settings.region_name(), p) for p in environment.pools.values()]
    wanted = {each.config_map for each in groups}
    for found in kube.list("v1", "ConfigMap", NAMESPACE, f"{LABEL}=true,{SEEDED}=true"):
        if found["metadata"]["name"] not in wanted:
            remove(kube, _of(found), NODES_S)
    for each in groups:
        settle(kube, each, NODES_S, lambda _: None, labels={SEEDED: "true"})
    _storage(kube, str(getattr(environment.cloud_settings, "storage", "")))


def group(cloud: str, region: str, plan: "PoolPlan") -> Group:
    return Group(
        name=plan.name,
        cloud=cloud,
        kind=KIND,
        pool=plan.name,
        machine=plan.machine.name,
        min=plan.min,
        max=plan.min,
        desired=plan.min,
        autoscaled=False,
        capacity=plan.routes[0].kind,
        zones=list(plan.zones),
        region=region,
        labels={"cnai.dev/pool": plan.name, **plan.labels, **plan.node_selector},
        taints=list(plan.taints),
    )


def _of(record: Mapping[str, Any]) -> Group:
    """Enough of a record to take its nodes away."""
    name = str(record["metadata"]["name"]).removeprefix("node-group-")
    empty: dict[str, Any] = dict.fromkeys(("cloud", "pool", "machine", "capacity"), "")
    return Group(name=name, kind=KIND, min=0, max=0, desired=0, autoscaled=False, **empty)


def _storage(kube: "Kube", name: str) -> None:
    """The class that is there, unless the platform itself is to install one of that name's package."""
    from cnai.catalog import catalog

    if name and name not in catalog():
        given = {"default": True, "provisioner": classes.SIMULATED, "volumeBindingMode": "WaitForFirstConsumer"}
        kube.apply(classes.manifest(name, {**given, "reclaimPolicy": "Delete"}), classes.MANAGER, force=True)
    kube.delete(classes.API, "StorageClass", classes.SANDBOX_CLASS)
