"""What others may assume about a sandbox, before it exists."""

from collections.abc import Mapping

from cnai.clouds.local.cluster import LocalClusterArgs, local_traits
from cnai.clouds.local.settings import LocalSettings
from cnai.clouds.pools import PoolPlan
from cnai.clouds.traits import ClusterTraits


def traits(settings: LocalSettings, pools: Mapping[str, PoolPlan], accelerators: bool) -> ClusterTraits:
    return local_traits(LocalClusterArgs(environment="", settings=settings, accelerators=accelerators, pools=pools))
