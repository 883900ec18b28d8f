"""The keys of a stack file as one object."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import cast

from pydantic import Field, StrictStr

from cnai.clouds.machines import PoolError
from cnai.clouds.pools import PoolPlan, Taint
from cnai.clouds.settings import CloudSettings, Settings, TaintsRoutes
from cnai.environment.choices import Chosen, FeaturesSpec, chosen
from cnai.environment.plans import pool_plan
from cnai.environment.policies import PoliciesSpec
from cnai.environment.spec import CloudSpec, Name, PoolSpec, SecretSpec, TeamSpec


class StackConfig(Settings):
    """`cnai:cloud`, `cnai:pools`, `cnai:features`, `cnai:teams`, `cnai:policies` and `cnai:secrets`."""

    cloud: CloudSpec
    """Where it runs."""
    pools: dict[Name, PoolSpec]
    """Nodes, by pool. One is called `system`: add-ons run there."""
    features: FeaturesSpec = FeaturesSpec()  # type: ignore[valid-type]
    """What runs on the cluster."""
    teams: dict[Name, TeamSpec] = Field(default_factory=dict)
    """Who shares it; each name is a namespace."""
    policies: PoliciesSpec = PoliciesSpec()
    """What policy as code rejects here, and its exceptions."""
    secrets: dict[StrictStr, SecretSpec] = Field(default_factory=dict)
    """Encrypted values, by the name a component uses for them."""

    @property
    def cloud_name(self) -> str:
        return next(iter(self.cloud.model_fields_set))

    @property
    def settings(self) -> CloudSettings:
        return cast(CloudSettings, getattr(self.cloud, self.cloud_name))

    @cached_property
    def chosen(self) -> Mapping[str, Chosen]:
        """Enabled features, by key, in build order."""
        return MappingProxyType(chosen(self.features))

    @property
    def has_gpus(self) -> bool:
        return any(plan.gpus_per_node for plan in self.plans().values())

    def plans(self) -> Mapping[str, PoolPlan]:
        """Pools this cloud has a machine for; in a validated environment, all of them."""
        return self._plans

    @cached_property
    def _plans(self) -> Mapping[str, PoolPlan]:
        found: dict[str, PoolPlan] = {}
        for name, pool in self.pools.items():
            try:
                planned = pool_plan(self.cloud_name, name, pool, self.settings)
            except PoolError:
                continue
            found[name] = replace(planned, route_taints=self._route_taints(planned))
        return MappingProxyType(found)

    def _route_taints(self, plan: PoolPlan) -> tuple[Taint, ...]:
        settings = self.settings
        if not isinstance(settings, TaintsRoutes):
            return ()
        return tuple(dict.fromkeys(taint for route in plan.routes for taint in settings.route_taints(route.kind)))
