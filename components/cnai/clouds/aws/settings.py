"""What `cnai:cloud.aws` may say."""

from collections.abc import Iterable
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictStr

from cnai.clouds.aws import addresses
from cnai.clouds.aws.facts import facts
from cnai.clouds.aws.routes import karpenter_routes, wrong_pools
from cnai.clouds.machines import kubernetes_version
from cnai.clouds.places import Regions, access_problems, network, place_problems, read_regions, zone_names
from cnai.clouds.pools import PoolPlan, RouteKind
from cnai.clouds.settings import Minor, Problems, Settings

Access = Literal["view", "edit", "admin"]
_SERVICE_RANGES = tuple(map(network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_ARN = r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/.+$"


@cache
def regions() -> Regions:
    """Every region that has EKS, with its zones."""
    return read_regions("aws", "{region}{letter}")


class AwsSettings(Settings):
    """An EKS cluster in its own VPC."""

    region: StrictStr
    """Region, such as us-east-1."""
    zones: Annotated[int, Field(strict=True, ge=2, le=6)] | tuple[StrictStr, ...] = 3
    """How many zones (the region's first ones), or which: [us-east-1a, us-east-1b]. EKS wants two at least."""
    cidr: StrictStr = "10.0.0.0/16"
    """Addresses of the VPC, nodes and pods."""
    service_cidr: StrictStr = "172.20.0.0/16"
    """Addresses of Services; cannot change later."""
    nat: Literal["per-zone", "single"] = "per-zone"
    """NAT gateways: one in each zone, or one for all, which is cheaper and falls with its zone."""
    public_access_cidrs: tuple[StrictStr, ...] = ()
    """Ranges that may reach the Kubernetes API over the internet. Where there are none it is private: bring the
    environment up from inside the VPC, or through a VPN or peering to it."""
    access: dict[Annotated[StrictStr, Field(pattern=_ARN)], Access] = Field(default_factory=dict)
    """IAM roles and users that may use the cluster, beside whoever created it: view, edit or admin."""
    kubernetes: Minor | None = None
    """Kubernetes minor; the newest that this release knows where it is left out."""
    node_image: Annotated[StrictStr, Field(pattern=r"^1\.[0-9]{2}\.[0-9]+-[0-9]{8}$")] | None = None
    """Release of EKS' AL2023 image, such as 1.36.2-20260714; all nodes are replaced when it changes."""
    log_retention_days: Literal[7, 30, 90, 180, 365, 731] = 90
    """How long control plane and network logs are kept."""
    disposable: StrictBool = False
    """Whether buckets and what else keeps state may go with the environment."""

    @property
    def makes_nodes(self) -> bool:
        return True

    def zone_names(self) -> tuple[str, ...]:
        return zone_names(regions(), self.region, self.zones)

    def region_name(self) -> str:
        return self.region

    def routes(self) -> tuple[RouteKind, ...]:
        return ("on-demand", "spot", "reserved", "block")

    def object_stores(self) -> tuple[str, ...]:
        return ("bucket", "minio", "seaweedfs")

    def fabrics(self) -> tuple[str, ...]:
        return ("efa",)

    def kubernetes_version(self) -> str:
        return self.kubernetes or kubernetes_version("aws")

    def packages(self, plans: Iterable[PoolPlan]) -> tuple[str, ...]:
        given = list(plans)
        karpenter = ("karpenter",) if any(map(karpenter_routes, given)) else ()
        return (*karpenter, *(("aws-efa-k8s-device-plugin",) if any(plan.fabric == "efa" for plan in given) else ()))

    def image_release(self) -> str:
        """Of EKS' AL2023 image, for nodes of the cluster's own minor."""
        return self.node_image or str(facts()["cloud"]["node_image"])

    def problems(self) -> Problems:
        yield from self._place()
        yield from self._ranges()
        minor = self.kubernetes_version()
        if not self.image_release().startswith(f"{minor}."):
            known = self.image_release()
            yield ("node_image",), f"Kubernetes {minor} nodes need an image for {minor}, not {known}: set its release"

    def pool_problems(self, plans: Iterable[PoolPlan]) -> Problems:
        plans = list(plans)
        for path, text in wrong_pools(plans):
            yield ("pools", *path), text
        if not any(self._place()) and not any(self._ranges()):
            for text in addresses.too_small(self.cidr, self.zone_names(), plans):
                yield ("cloud", "aws", "cidr"), text

    def _place(self) -> Problems:
        yield from place_problems(regions(), self.region, self.zones, "EKS")
        if isinstance(self.zones, tuple) and not 2 <= len(set(self.zones)) == len(self.zones) <= 6:
            yield ("zones",), "EKS needs at least two different zones: give 2 to 6, each once"

    def _ranges(self) -> Problems:
        vpc, services = network(self.cidr), network(self.service_cidr)
        zones = len(self.zones) if isinstance(self.zones, tuple) else self.zones
        smallest = addresses.largest_prefix(max(zones, 1))
        if vpc is None:
            yield ("cidr",), f"{self.cidr!r} is not a CIDR: give one such as 10.0.0.0/16"
        elif not addresses.LARGEST <= vpc.prefixlen <= smallest:
            yield (
                ("cidr",),
                f"a VPC of {zones} zones has from /{addresses.LARGEST} to /{smallest}, not /{vpc.prefixlen}",
            )
        if services is None:
            yield ("service_cidr",), f"{self.service_cidr!r} is not a CIDR: give one such as 172.20.0.0/16"
        elif not 12 <= services.prefixlen <= 24 or not any(r and services.subnet_of(r) for r in _SERVICE_RANGES):
            text = "EKS accepts a range from /12 to /24 inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
            yield ("service_cidr",), f"{text}, not {services}"
        if vpc and services and vpc.overlaps(services):
            yield ("service_cidr",), f"{services} overlaps the VPC's {vpc}: give Services a separate range"
        yield from access_problems(self.public_access_cidrs)
