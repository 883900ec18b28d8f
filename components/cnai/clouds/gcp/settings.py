"""What `cnai:cloud.gcp` may say."""

from collections.abc import Iterable
from functools import cache
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictStr

from cnai.clouds.gcp import addresses
from cnai.clouds.gcp.judging import pool_problems
from cnai.clouds.machines import kubernetes_version
from cnai.clouds.places import Regions, access_problems, network, place_problems, read_regions, zone_names
from cnai.clouds.pools import PoolPlan, RouteKind, Taint
from cnai.clouds.settings import Minor, Problems, Settings

Access = Literal["view", "edit", "admin"]
Driver = Literal["default", "latest", "operator"]
Member = Annotated[StrictStr, Field(pattern=r"^(user|group|serviceAccount):[^@\s]+@[^@\s]+$")]
QUEUED_TAINT = Taint(key="cloud.google.com/gke-queued", value="true")
"""GKE puts it on nodes that are obtained through the queue only."""


@cache
def regions() -> Regions:
    """Every region, with its zones."""
    return read_regions("gcp", "{region}-{letter}")


class GcpSettings(Settings):
    """A GKE cluster in its own VPC."""

    project: Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
    """Project that everything is made in, by its ID."""
    project_number: Annotated[int, Field(strict=True, ge=1)]
    """The same by its number: `gcloud projects describe` gives it. Identities of pods are named after it."""
    region: StrictStr
    """Region, such as us-central1."""
    zones: Annotated[int, Field(strict=True, ge=1, le=4)] | tuple[StrictStr, ...] = 3
    """How many zones (the region's first ones), or which: [us-central1-a]. Accelerators are in some only."""
    cidr: StrictStr = "10.0.0.0/19"
    """Addresses of nodes."""
    pod_cidr: StrictStr = "10.128.0.0/11"
    """Addresses of pods: each node takes a /24."""
    service_cidr: StrictStr = "10.96.0.0/20"
    """Addresses of Services; cannot change later."""
    control_plane_cidr: StrictStr = "172.16.0.0/28"
    """A /28 for the control plane; cannot change later."""
    public_access_cidrs: tuple[StrictStr, ...] = ()
    """Ranges that may reach the Kubernetes API over the internet; private where there are none."""
    access: dict[Member, Access] = Field(default_factory=dict)
    """Who may use the project's clusters: user:, group: or serviceAccount: and an address; view, edit or admin."""
    cmek: StrictBool = True
    """Whether Secrets, disks, buckets and images are encrypted with keys of your own in Cloud KMS."""
    gpu_driver: Driver = "default"
    """NVIDIA's driver: GKE's default or latest one, with its device plugin; or the GPU operator's, on Ubuntu."""
    kubernetes: Minor | None = None
    """Kubernetes minor; the newest that this release knows where it is left out."""
    release_channel: Literal["rapid", "regular", "stable", "extended"] = "regular"
    """Where GKE's patches come from. Minors change only when `kubernetes` does."""
    maintenance_start: Annotated[StrictStr, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "02:00"
    """When GKE may patch: eight hours from then (UTC), on Saturdays and Sundays."""
    disposable: StrictBool = False
    """Whether the cluster, its buckets and what else keeps state may go with the environment."""

    @property
    def makes_nodes(self) -> bool:
        return True

    def zone_names(self) -> tuple[str, ...]:
        return zone_names(regions(), self.region, self.zones)

    def region_name(self) -> str:
        return self.region

    def routes(self) -> tuple[RouteKind, ...]:
        """`block`: a future reservation in calendar mode; `queued`: flex-start of the Dynamic Workload Scheduler."""
        return ("on-demand", "spot", "reserved", "block", "queued")

    def route_taints(self, kind: RouteKind) -> tuple[Taint, ...]:
        return (QUEUED_TAINT,) if kind == "queued" else ()

    @property
    def shares_gpus(self) -> bool:
        """By node pool, with GKE's own device plugin."""
        return self.gpu_driver != "operator"

    def object_stores(self) -> tuple[str, ...]:
        return ("bucket", "minio", "seaweedfs")

    def fabrics(self) -> tuple[str, ...]:
        return ("roce",)

    def kubernetes_version(self) -> str:
        return self.kubernetes or kubernetes_version("gcp")

    def packages(self, plans: Iterable[PoolPlan]) -> tuple[str, ...]:
        return ()

    def problems(self) -> Problems:
        yield from self._place()
        yield from self._ranges()
        yield from access_problems(self.public_access_cidrs)

    def pool_problems(self, plans: Iterable[PoolPlan]) -> Problems:
        plans = list(plans)
        if not any(self._ranges()):
            for key, text in addresses.too_small(self.cidr, self.pod_cidr, plans):
                yield ("cloud", "gcp", key), text
        for plan in plans:
            for key, text in pool_problems(plan, operator=self.gpu_driver == "operator"):
                yield ("pools", plan.name, *key), text

    def _place(self) -> Problems:
        yield from place_problems(regions(), self.region, self.zones, "GKE")
        if isinstance(self.zones, tuple) and not 1 <= len(set(self.zones)) == len(self.zones):
            yield ("zones",), "give at least one zone, each once"

    def _ranges(self) -> Problems:
        found = {key: network(getattr(self, key)) for key in addresses.LIMITS}
        for key, (largest, smallest) in addresses.LIMITS.items():
            range_ = found[key]
            if range_ is None:
                example = type(self).model_fields[key].default
                yield (key,), f"{getattr(self, key)!r} is not a CIDR: give one such as {example}"
            elif range_.is_global or range_.is_multicast:
                yield (
                    (key,),
                    f"{range_} is public: give a range inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
                )
            elif not largest <= range_.prefixlen <= smallest:
                sizes = f"a /{largest}" if largest == smallest else f"from /{largest} to /{smallest}"
                yield (key,), f"give {sizes}, not /{range_.prefixlen}"
        for one, other in combinations(addresses.LIMITS, 2):
            a, b = found[one], found[other]
            if a and b and a.overlaps(b):
                yield (other,), f"{b} overlaps {one}'s {a}: give each a separate range"
