"""The VPC: one subnet with ranges for nodes, pods and Services, and a way out for nodes without public addresses."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from cnai.clouds.gcp.options import inside

PODS, SERVICES = "pods", "services"
"""Names of the subnet's secondary ranges."""
WEBHOOK_PORTS = ("8443", "9443", "15017")
"""Where add-ons answer the API server. GKE itself opens 443 and 10250 only:
https://docs.cloud.google.com/kubernetes-engine/docs/concepts/firewall-rules"""
JUMBO = 8896
"""What GPUs want between machines: https://docs.cloud.google.com/vpc/docs/mtu"""


@dataclass(frozen=True, kw_only=True)
class GcpNetworkArgs:
    region: str
    cidr: str
    pod_cidr: str
    service_cidr: str
    control_plane_cidr: str
    tag: str
    """Network tag that nodes have."""


class GcpNetwork(pulumi.ComponentResource):
    """A network with one subnet, Cloud NAT, flow logs, and the control plane's way to webhooks."""

    network: gcp.compute.Network
    subnetwork: gcp.compute.Subnetwork
    ways_out: list[pulumi.Resource]
    """What a node needs to reach anything: it must outlive the nodes."""

    def __init__(self, name: str, args: GcpNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:GcpNetwork", name, {}, opts)
        self._name, self._args = name, args
        self._inside = inside(self, opts)
        self.network = gcp.compute.Network(
            name, auto_create_subnetworks=False, routing_mode="REGIONAL", mtu=JUMBO, opts=self._inside
        )
        self.subnetwork = self._subnetwork()
        self.ways_out = self._nat()
        self._webhooks()
        self.register_outputs({"network": self.network.id})

    def _subnetwork(self) -> gcp.compute.Subnetwork:
        return gcp.compute.Subnetwork(
            self._name,
            network=self.network.id,
            region=self._args.region,
            ip_cidr_range=self._args.cidr,
            secondary_ip_ranges=[
                {"range_name": PODS, "ip_cidr_range": self._args.pod_cidr},
                {"range_name": SERVICES, "ip_cidr_range": self._args.service_cidr},
            ],
            private_ip_google_access=True,
            log_config={
                "aggregation_interval": "INTERVAL_5_SEC",
                "flow_sampling": 0.5,
                "metadata": "INCLUDE_ALL_METADATA",
            },
            opts=self._inside,
        )

    def _nat(self) -> list[pulumi.Resource]:
        router = gcp.compute.Router(
            f"{self._name}-router", network=self.network.id, region=self._args.region, opts=self._inside
        )
        nat = gcp.compute.RouterNat(
            f"{self._name}-nat",
            router=router.name,
            region=self._args.region,
            nat_ip_allocate_option="AUTO_ONLY",
            source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
            subnetworks=[{"name": self.subnetwork.id, "source_ip_ranges_to_nats": ["ALL_IP_RANGES"]}],
            enable_dynamic_port_allocation=True,
            # The two cannot go together.
            enable_endpoint_independent_mapping=False,
            log_config={"enable": True, "filter": "ERRORS_ONLY"},
            opts=self._inside,
        )
        return [router, nat]

    def _webhooks(self) -> None:
        gcp.compute.Firewall(
            f"{self._name}-webhooks",
            network=self.network.id,
            description="The control plane asks webhooks of add-ons",
            direction="INGRESS",
            source_ranges=[self._args.control_plane_cidr],
            target_tags=[self._args.tag],
            allows=[{"protocol": "tcp", "ports": list(WEBHOOK_PORTS)}],
            opts=self._inside,
        )
