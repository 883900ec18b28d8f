"""What others may assume of an EKS cluster."""

from collections.abc import Iterable

from cnai.clouds.aws.settings import AwsSettings
from cnai.clouds.pools import POOL_LABEL, SYSTEM_POOL, PoolPlan
from cnai.clouds.traits import ClusterTraits

STORAGE_CLASS = "gp3"
TOPOLOGY = (*(f"topology.k8s.aws/network-node-layer-{layer}" for layer in (1, 2, 3)), "kubernetes.io/hostname")
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-topology-works.html"""
POD_IDENTITY_AGENT = ("169.254.170.23", 80)
"""Where EKS' agent answers on every node: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html"""


def aws_traits(settings: AwsSettings, pools: Iterable[PoolPlan], *, accelerators: bool) -> ClusterTraits:
    """EKS' NVIDIA image carries driver and container toolkit."""
    return ClusterTraits(
        kubernetes_version=settings.kubernetes_version(),
        storage_class=STORAGE_CLASS,
        load_balancer="cloud",
        gpu_driver_owner="image",
        gpu_toolkit_owner="image",
        accelerators=accelerators,
        zones=settings.zone_names(),
        rdma="efa" if any(plan.fabric == "efa" for plan in pools) else "none",
        disposable=settings.disposable,
        credential_endpoints=(POD_IDENTITY_AGENT,),
        system_selector={POOL_LABEL: SYSTEM_POOL},
        topology_levels=TOPOLOGY,
    )
