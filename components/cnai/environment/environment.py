"""Reads and validates the configuration of one environment."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pydantic

from cnai.capabilities import Queues
from cnai.clouds.pools import PoolPlan
from cnai.clouds.settings import CloudSettings
from cnai.environment import needs
from cnai.environment.choices import Chosen
from cnai.environment.policies import PoliciesSpec
from cnai.environment.rules import problems
from cnai.environment.spec import NAME, TeamSpec
from cnai.environment.stack import StackConfig
from cnai.errors import UserError
from cnai.problems import Problem, message, of_validation

PREFIX = "cnai:"


def checked_name(name: str) -> str:
    """Raises `UserError` if it is not a valid environment name."""
    if not re.fullmatch(NAME, name):
        raise UserError(f"{name!r} is not a valid environment name: use lower-case letters, digits and inner dashes")
    return name


@dataclass(frozen=True)
class Environment:
    """A valid stack file."""

    name: str
    stack: StackConfig

    @classmethod
    def load(cls, name: str, config: Mapping[str, Any]) -> "Environment":
        """From the `config:` of a stack file. Raises `UserError` with one line per error."""
        checked_name(name)
        ours = {key.removeprefix(PREFIX): value for key, value in config.items() if str(key).startswith(PREFIX)}
        try:
            stack = StackConfig.model_validate({key: {} if value is None else value for key, value in ours.items()})
        except pydantic.ValidationError as error:
            raise UserError(message(of_validation(error, StackConfig))) from None
        if found := problems(stack):
            raise UserError(message(found))
        return cls(name, stack)

    @classmethod
    def from_stack(cls) -> "Environment":
        """From the configuration of the stack the program runs for."""
        import pulumi
        from pulumi.runtime.config import CONFIG, is_config_secret

        given = {key: _decoded(value) for key, value in CONFIG.get().items()}
        secrets = f"{PREFIX}secrets"
        if given.get(secrets) and not is_config_secret(secrets):
            names = list(given[secrets]) if isinstance(given[secrets], dict) else []
            clear = [
                Problem(("secrets", each), "is in clear text: use `pulumi config set --secret --path`")
                for each in names
            ]
            raise UserError(message(clear or [Problem(("secrets",), "give a mapping of names")]))
        return cls.load(pulumi.get_stack(), given)

    @property
    def cloud(self) -> str:
        """The cloud's name, for `clouds` and its data only."""
        return self.stack.cloud_name

    @property
    def cloud_settings(self) -> CloudSettings:
        return self.stack.settings

    @cached_property
    def pools(self) -> Mapping[str, PoolPlan]:
        """Every pool with its machine chosen."""
        return self.stack.plans()

    @property
    def features(self) -> Mapping[str, Chosen]:
        """Those that are on, by key, in build order."""
        return self.stack.chosen

    @property
    def packages(self) -> tuple[str, ...]:
        """What is installed here, in order: the cloud's packages, then those of the enabled features."""
        return (*self.cloud_settings.packages(self.pools.values()), *needs.packages(self.stack))

    @property
    def teams(self) -> Mapping[str, TeamSpec]:
        return self.stack.teams

    @property
    def policies(self) -> PoliciesSpec:
        return self.stack.policies

    @property
    def has_gpus(self) -> bool:
        return self.stack.has_gpus

    @property
    def has_queues(self) -> bool:
        """Whether GPU jobs wait in queues here: those of a feature, or of a system that the site brings itself."""
        return self.policies.queues or any(Queues in each.feature.gives for each in self.features.values())

    def secret(self, name: str) -> str | None:
        """In clear text: wrap it in `pulumi.Output.secret` at once."""
        found = self.stack.secrets.get(name)
        return found.get_secret_value() if found else None

    def gpu_quota(self, team: str) -> dict[str, int]:
        """Resource, such as `nvidia.com/gpu` -> how many a team may use at once."""
        spec, quota = self.teams[team], dict[str, int]()
        for pool, share in spec.gpus.items():
            plan = self.pools[pool]
            if resource := plan.gpu_resource:
                quota[resource] = quota.get(resource, 0) + (plan.max * plan.gpus_per_node if spec.borrow else share)
        return quota


def _decoded(value: Any) -> Any:
    """The engine passes structured values as JSON text."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value
