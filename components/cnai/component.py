"""What the platform asks of whatever a feature builds."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, Self

import pulumi

from cnai.capabilities import Capability
from cnai.environment import TeamSpec
from cnai.site import Site
from cnai.tenancy.share import TeamRules, TeamShare


class Part(Protocol):
    """A feature that has been built."""

    @property
    def ready(self) -> pulumi.Resource | None:
        """What others wait for; None where there is nothing to wait for."""
        ...

    def gives(self) -> Iterable[Capability]: ...

    def share(self, team: str, spec: TeamSpec) -> TeamShare:
        """What it adds to a team."""
        ...

    def rules(self) -> TeamRules:
        """What it lets members of teams do with its kinds."""
        ...

    def endpoints(self) -> Mapping[str, pulumi.Input[str]]:
        """Addresses that the environment's users want to know; no secret is among them."""
        ...

    def admit(self, team: str, namespace: str, opts: pulumi.ResourceOptions) -> None:
        """Lets a team in, once its namespace is there, where that takes more than objects in the cluster."""
        ...


class PlatformComponent(pulumi.ComponentResource):
    """A component that a feature declares; what it gives and shares is nothing unless it says so."""

    namespace: pulumi.Output[str]
    """Where it runs."""

    @classmethod
    def args_for(cls, settings: Any, site: Site) -> Any:
        """Its args, from what the stack file says and what the environment has."""
        raise NotImplementedError(f"{cls.__name__}.args_for")

    @classmethod
    def build(cls, name: str, settings: Any, site: Site, opts: pulumi.ResourceOptions) -> Self:
        return cls(name, cls.args_for(settings, site), opts)  # type: ignore[call-arg]

    @property
    def ready(self) -> pulumi.Resource | None:
        return self

    def gives(self) -> Iterable[Capability]:
        return ()

    def share(self, team: str, spec: TeamSpec) -> TeamShare:
        return TeamShare()

    def rules(self) -> TeamRules:
        return TeamRules()

    def endpoints(self) -> Mapping[str, pulumi.Input[str]]:
        return {}

    def admit(self, team: str, namespace: str, opts: pulumi.ResourceOptions) -> None:
        """Nothing beyond its share."""
