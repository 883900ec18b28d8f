"""What every cloud gives the platform: a cluster, pools of nodes, and where it has them a registry and buckets."""

from collections.abc import Mapping
from typing import Literal, Protocol

import pulumi

from cnai.clouds.pools import PoolPlan
from cnai.clouds.traits import ClusterTraits

Purpose = Literal["models", "data", "backups"]


class Registry(Protocol):
    """The registry for the environment's own images."""

    url: pulumi.Output[str]
    """What comes before an image's name."""


class Buckets(Protocol):
    """Object storage of the cloud's own."""

    endpoint: pulumi.Output[str]
    names: Mapping[Purpose, pulumi.Output[str]]

    def team_access(self, team: str, namespace: str, service_account: str, opts: pulumi.ResourceOptions) -> None:
        """Lets the team's service account read models, and read and write data below `<team>/`; no key is made."""
        ...


class Cluster(Protocol):
    """A running cluster: hand it whole to whatever needs it."""

    cloud: str
    """Key of `clouds.machines`."""
    traits: ClusterTraits
    provider: pulumi.ProviderResource
    """The Kubernetes provider, bound to this cluster and no other."""

    def node_group(self, name: str, plan: PoolPlan, opts: pulumi.ResourceOptions) -> None:
        """Declares what makes the pool's nodes, under `opts.parent`. The system pool comes first."""
        ...

    def ready(self) -> list[pulumi.Resource]:
        """What must be there before anything else runs on the cluster, such as add-ons and the autoscaler; asked once
        all pools are declared."""
        ...

    def registry(self, name: str, opts: pulumi.ResourceOptions) -> Registry | None:
        """None where the cloud has none."""
        ...

    def buckets(self, name: str, opts: pulumi.ResourceOptions) -> Buckets | None:
        """None where the cloud has none."""
        ...
