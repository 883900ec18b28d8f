"""The cloud's own buckets as the platform's object storage."""

from collections.abc import Iterable, Mapping
from typing import Self

import pulumi

from cnai.capabilities import Capability, ObjectStorage, Purpose
from cnai.clouds.protocol import Buckets
from cnai.environment import TeamSpec
from cnai.errors import UserError
from cnai.feature import FeatureSettings
from cnai.site import Site
from cnai.tenancy.names import TRAINER_ACCOUNT
from cnai.tenancy.share import Opening, TeamRules, TeamShare


class CloudBuckets:
    """Declares no resource itself: the cluster's cloud creates the buckets and gives teams access, without any key."""

    ready = None

    def __init__(self, buckets: Buckets, openings: tuple[Opening, ...]) -> None:
        self.buckets, self._openings = buckets, openings

    @classmethod
    def build(cls, name: str, settings: FeatureSettings, site: Site, opts: pulumi.ResourceOptions) -> Self:
        """Beside the cluster, not on it: the buckets need not wait for nodes."""
        made = site.cluster.buckets(name, pulumi.ResourceOptions(parent=opts.parent))
        if made is None:
            raise UserError(f"object_store: {site.cluster.cloud} has no buckets: name a store in the cluster")
        return cls(made, openings(site.traits.credential_endpoints))

    def gives(self) -> Iterable[Capability]:
        names: dict[Purpose, pulumi.Input[str]] = dict(self.buckets.names.items())
        yield ObjectStorage(
            endpoint=self.buckets.endpoint,
            buckets=names,
            openings=self._openings,
        )

    def share(self, team: str, spec: TeamSpec) -> TeamShare:
        return TeamShare(openings=self._openings)

    def rules(self) -> TeamRules:
        return TeamRules()

    def endpoints(self) -> Mapping[str, pulumi.Input[str]]:
        return {"object-store": self.buckets.endpoint}

    def admit(self, team: str, namespace: str, opts: pulumi.ResourceOptions) -> None:
        self.buckets.team_access(team, namespace, TRAINER_ACCOUNT, opts)


def openings(endpoints: Iterable[tuple[str, int]]) -> tuple[Opening, ...]:
    """To where pods get the cloud's credentials; `ClusterTraits.credential_endpoints` has the addresses."""
    return tuple(
        Opening(name=f"credentials-{index}", cidr=f"{address}/32", port=port)
        for index, (address, port) in enumerate(endpoints)
    )
