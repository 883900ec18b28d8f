"""What others may assume about a cluster here, before it exists."""

from collections.abc import Mapping

from cnai.clouds.gcp.settings import GcpSettings
from cnai.clouds.gcp.traits import gcp_traits
from cnai.clouds.pools import PoolPlan
from cnai.clouds.traits import ClusterTraits


def traits(settings: GcpSettings, pools: Mapping[str, PoolPlan], accelerators: bool) -> ClusterTraits:
    return gcp_traits(settings, pools.values(), accelerators=accelerators)
