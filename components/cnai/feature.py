"""What a feature is: a system that an environment can have, described before any of its code is imported."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, StrictStr

from cnai.capabilities import Capability
from cnai.clouds.settings import Settings
from cnai.problems import Problem

if TYPE_CHECKING:
    from cnai.environment.stack import StackConfig


class FeatureSettings(Settings):
    """What a stack file may say of a feature: `kueue: true`, or `kueue: {fair_sharing: false}`."""

    values: dict[StrictStr, Any] = Field(default_factory=dict)
    """Chart values laid over ours; where the feature has several charts, by package."""
    accept_end_of_life: StrictStr = ""
    """Why it is used although upstream fixes nothing in it any more: asked for where that is so."""


Rule = Callable[[Any, "StackConfig"], Iterator[Problem]]
"""What does not fit together, given the feature's settings (None where it is off) and the whole stack.

Paths start below `cnai:`."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Features that answer one question, under one key of a stack file."""

    key: str
    choose: Literal["one", "several"]
    text: str
    """Description for editors."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One system. Its module lies in a folder of its own, beside `component.py` and `package.toml`."""

    key: str
    """As a stack file spells it; in a family, the family's value."""
    text: str
    """Description for editors and the documentation, in one line."""
    component: str = ""
    """Class in the `component.py` beside; none where the cloud itself provides it."""
    name: str = ""
    """Logical name of the component's resource, a contract: the key unless given."""
    family: Family | None = None
    settings: type[FeatureSettings] = FeatureSettings
    packages: tuple[str, ...] = ()
    """Of the `package.toml` beside, in the order in which they are installed."""
    needs: tuple[str, ...] = ()
    """Features that must be on."""
    after: tuple[str, ...] = ()
    """Features that come first where they are on, though it works without them."""
    requires: tuple[type[Capability], ...] = ()
    """Capabilities that something must provide."""
    uses: tuple[type[Capability], ...] = ()
    """Capabilities that are taken up where something provides them."""
    gives: tuple[type[Capability], ...] = ()
    excludes: tuple[str, ...] = ()
    """Features that make no sense beside it."""
    implied: bool = False
    """On where another feature needs it, unless a stack file switches it off."""
    secrets: tuple[str, ...] = ()
    """Names under `cnai:secrets` that it takes."""
    rules: tuple[Rule, ...] = field(default=())
    module: str = ""
    """Where it was found; the list of features fills it in."""

    @property
    def logical_name(self) -> str:
        return self.name or self.key.replace("_", "-")

    @property
    def label(self) -> str:
        """As a person says it: `mesh: istio`."""
        return f"{self.family.key}: {self.key}" if self.family else self.key

    @property
    def path(self) -> tuple[str, ...]:
        """Where a stack file switches it on, below `cnai:`."""
        inner = (self.key,) if self.family and self.family.choose == "several" else ()
        return ("features", self.family.key if self.family else self.key, *inner)

    def values_of(self, settings: FeatureSettings) -> Mapping[str, Mapping[str, Any]]:
        """Package -> the values that a stack file lays over ours."""
        if len(self.packages) == 1:
            return {self.packages[0]: settings.values}
        return settings.values
