"""What every cloud gives the platform: a cluster, and pools of nodes in it.

Object stores, registries and workload identity join this protocol with the first cloud that has them; until then the
platform's in-cluster ones are all there is.
"""

from typing import Protocol

import pulumi

from cnai.clouds.pools import PoolPlan
from cnai.clouds.traits import ClusterTraits


class Cluster(Protocol):
    """A running cluster: hand it whole to whatever needs it."""

    cloud: str
    """Key of `clouds.machines`."""
    traits: ClusterTraits
    provider: pulumi.ProviderResource
    """The Kubernetes provider, bound to this cluster and no other."""

    def node_group(self, name: str, plan: PoolPlan, opts: pulumi.ResourceOptions) -> None:
        """Declares what makes the pool's nodes, under `opts.parent`."""
        ...
