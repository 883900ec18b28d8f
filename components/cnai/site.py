"""What a component may know of the environment it is built for, and what others there give it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import pulumi

from cnai.capabilities import Capability
from cnai.clouds.pools import PoolPlan
from cnai.clouds.protocol import Cluster
from cnai.clouds.traits import ClusterTraits
from cnai.environment import Environment, TeamSpec

C = TypeVar("C", bound=Capability)


@dataclass(frozen=True)
class Site:
    """One environment while its platform is being built: features see what those before them gave."""

    environment: Environment
    cluster: Cluster
    given: dict[type[Capability], Capability] = field(default_factory=dict[type[Capability], Capability])

    @property
    def traits(self) -> ClusterTraits:
        return self.cluster.traits

    @property
    def pools(self) -> Mapping[str, PoolPlan]:
        return self.environment.pools

    @property
    def teams(self) -> Mapping[str, TeamSpec]:
        return self.environment.teams

    def capability(self, kind: type[C]) -> C | None:
        """None where nothing gives it."""
        found = self.given.get(kind)
        return found if isinstance(found, kind) else None

    def has(self, kind: type[Capability]) -> bool:
        return kind in self.given

    def take_up(self, capabilities: Iterable[Capability]) -> None:
        for each in capabilities:
            self.given[type(each)] = each

    def secret(self, name: str) -> pulumi.Output[str] | None:
        """Of `cnai:secrets`; None where the stack file has none of that name."""
        given = self.environment.secret(name)
        return None if given is None else pulumi.Output.secret(given)
