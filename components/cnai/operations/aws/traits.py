"""What others may assume about a cluster here, before it exists."""

from collections.abc import Mapping

from cnai.clouds.aws.settings import AwsSettings
from cnai.clouds.aws.traits import aws_traits
from cnai.clouds.pools import PoolPlan
from cnai.clouds.traits import ClusterTraits


def traits(settings: AwsSettings, pools: Mapping[str, PoolPlan], accelerators: bool) -> ClusterTraits:
    return aws_traits(settings, pools.values(), accelerators=accelerators)
