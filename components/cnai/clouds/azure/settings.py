"""What `cnai:cloud.azure` may say."""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictStr

from cnai.clouds.azure import addresses
from cnai.clouds.machines import kubernetes_version
from cnai.clouds.places import access_problems, network
from cnai.clouds.pools import SYSTEM_POOL, PoolPlan, Route, RouteKind, Taint
from cnai.clouds.settings import Minor, Problems, Settings

Uuid = Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Login = Literal["azurecli", "workloadidentity", "msi", "spn", "devicecode"]
SPOT_TAINT = Taint(key="kubernetes.azure.com/scalesetpriority", value="spot")
"""AKS puts it on spot nodes itself: https://learn.microsoft.com/azure/aks/spot-node-pool"""
MOST_IN_A_POOL = 1000
"""Nodes of one agent pool, by the API's own description of `count`."""
RESERVATION_GROUP = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/capacityReservationGroups/[^/]+"
)


@cache
def regions() -> dict[str, bool]:
    """Every region -> whether it has availability zones."""
    rows = tomllib.loads(files("cnai.clouds.azure").joinpath("regions.toml").read_text(encoding="utf-8"))
    return {name: kind == "zoned" for kind in ("zoned", "zoneless") for name in rows[kind]}


class AzureSettings(Settings):
    """An AKS cluster in its own VNet."""

    region: StrictStr
    """Region by its programmatic name, such as eastus2."""
    subscription_id: Uuid
    """Subscription that everything is made in; no other is ever touched."""
    tenant_id: Uuid
    """Entra tenant that people and pods sign in to."""
    admin_groups: Annotated[tuple[Uuid, ...], Field(min_length=1)]
    """Object IDs of the Entra groups that administer the cluster; whoever runs `up` must be in one."""
    zones: Annotated[int, Field(strict=True, ge=1, le=3)] = 3
    """How many availability zones to spread over; a region without any has none."""
    cidr: StrictStr = "10.0.0.0/16"
    """Addresses of the VNet, nodes among them."""
    pod_cidr: StrictStr = "10.128.0.0/11"
    """Addresses of pods, in an overlay: each node takes a /24."""
    service_cidr: StrictStr = "172.16.0.0/16"
    """Addresses of Services; cannot change later."""
    nat_addresses: Annotated[int, Field(strict=True, ge=1, le=16)] = 1
    """Public addresses that nodes reach the internet from; 64,512 connections each to one destination."""
    public_access_cidrs: tuple[StrictStr, ...] = ()
    """Ranges that may reach the Kubernetes API over the internet; private where there are none."""
    secrets_key: StrictBool = True
    """Whether the cluster's Secrets are encrypted with a key of your own, in a private Key Vault; else with Azure's."""
    gpu_driver: Literal["cloud", "operator"] = "cloud"
    """Who installs NVIDIA's driver: AKS, or the GPU operator."""
    defender: StrictBool = False
    """Microsoft Defender for Containers on the nodes."""
    login: Login = "azurecli"
    """How kubelogin gets a token where `up` runs."""
    kubernetes: Minor | None = None
    """Kubernetes minor; the newest that this release knows where it is left out."""
    log_retention_days: Literal[30, 90, 180, 365, 730] = 90
    """How long control plane logs are kept."""
    disposable: StrictBool = False
    """Whether buckets and what else keeps state may go with the environment."""

    @property
    def makes_nodes(self) -> bool:
        return True

    def zone_names(self) -> tuple[str, ...]:
        """As nodes are labelled with them, such as eastus2-1."""
        return tuple(f"{self.region}-{n + 1}" for n in range(self.zones)) if regions().get(self.region) else ()

    def region_name(self) -> str:
        return self.region

    def routes(self) -> tuple[RouteKind, ...]:
        return ("on-demand", "spot", "reserved")

    def object_stores(self) -> tuple[str, ...]:
        return ("bucket", "minio", "seaweedfs")

    def fabrics(self) -> tuple[str, ...]:
        return ("infiniband",)

    def kubernetes_version(self) -> str:
        return self.kubernetes or kubernetes_version("azure")

    def packages(self, plans: Iterable[PoolPlan]) -> tuple[str, ...]:
        return ()

    def route_taints(self, kind: RouteKind) -> tuple[Taint, ...]:
        return (SPOT_TAINT,) if kind == "spot" else ()

    def problems(self) -> Problems:
        if self.region not in regions():
            yield ("region",), f"no region {self.region!r}: give {', '.join(sorted(regions()))}"
        yield from self._ranges()
        yield from access_problems(self.public_access_cidrs)

    def _ranges(self) -> Problems:
        limits = {"cidr": (addresses.LARGEST, addresses.SMALLEST), "pod_cidr": (8, 23), "service_cidr": (13, 26)}
        found = {key: network(getattr(self, key)) for key in limits}
        for key, (largest, smallest) in limits.items():
            range_ = found[key]
            if range_ is None:
                yield (
                    (key,),
                    f"{getattr(self, key)!r} is not a CIDR: give one such as {type(self).model_fields[key].default}",
                )
                continue
            if not largest <= range_.prefixlen <= smallest:
                yield (key,), f"give a range from /{largest} to /{smallest}, not /{range_.prefixlen}"
            if taken := [each for each in addresses.AKS_FORBIDS if each.overlaps(range_)]:
                yield (key,), f"{range_} overlaps {taken[0]}, which AKS reserves: give another"
        for one, other in combinations(limits, 2):
            a, b = found[one], found[other]
            if a and b and a.overlaps(b):
                yield (other,), f"{b} overlaps {one}'s {a}: give each a separate range"

    def pool_problems(self, plans: Iterable[PoolPlan]) -> Problems:
        plans = list(plans)
        if not any(self._ranges()):
            for key, text in addresses.too_small(self.cidr, self.pod_cidr, plans):
                yield ("cloud", "azure", key), text
        for plan in plans:
            for index, route in enumerate(plan.routes):
                if text := _wrong_route(plan, route):
                    yield ("pools", plan.name, "capacity", index), text
            if plan.max > MOST_IN_A_POOL:
                yield (
                    ("pools", plan.name, "max"),
                    f"an agent pool has at most {MOST_IN_A_POOL} nodes: give several pools",
                )
            if plan.placement and 1 < len(plan.zones) < len(self.zone_names()):
                text = "a placement group is in one zone: give that one, or none to let Azure choose"
                yield ("pools", plan.name, "zones"), text


def _wrong_route(plan: PoolPlan, route: Route) -> str:
    if plan.name == SYSTEM_POOL and route.kind == "spot":
        return "AKS has no spot nodes in its system pool: give on-demand or reserved"
    if route.kind == "reserved" and not RESERVATION_GROUP.fullmatch(route.id):
        return (
            "name the capacity reservation group by its resource ID: {reserved: /subscriptions/…/resourceGroups/…"
            "/providers/Microsoft.Compute/capacityReservationGroups/…}"
        )
    if route.kind == "reserved" and plan.placement:
        return "Azure does not place reserved machines close together: leave out placement or the reservation"
    return ""
