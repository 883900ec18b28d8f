"""What the packages of the features that are on want said or changed before anything of them exists."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from cnai.catalog import Package, catalog
from cnai.catalog.keys import ignored
from cnai.environment.choices import Chosen
from cnai.environment.stack import StackConfig
from cnai.feature import Feature
from cnai.problems import Loc, Problem

END = "end-of-life"


def values_are_known(stack: StackConfig) -> Iterator[Problem]:
    """A key of values that a chart does not know would be ignored without a word."""
    for each in stack.chosen.values():
        for name, values in each.feature.values_of(each.settings).items():
            yield from _unknown(each, name, values)


def _unknown(chosen: Chosen, name: str, values: Any) -> Iterator[Problem]:
    package = catalog().get(name)
    several = len(chosen.feature.packages) > 1
    path = (*_settings(chosen.feature), "values", *((name,) if several else ()))
    if not isinstance(values, Mapping):
        yield Problem(path, f"give a mapping of values for the chart of {name}")
    elif package and package.kind == "helm" and package.lock.version == package.version:
        for wrong in ignored(cast("Mapping[str, Any]", values), package.lock.known):
            yield Problem((*path, *wrong.path), f"{name} {package.version}: {wrong.text}")


def locks_fit(stack: StackConfig) -> Iterator[Problem]:
    """A lock of another version says nothing of what would be installed."""
    for chosen, package in _packages(stack):
        if package.lock.version not in ("", package.version):
            text = f"{package.name} is of version {package.version}, and its lock of {package.lock.version}"
            yield Problem(chosen.feature.path, f"{text}: run `cnai catalog lock {package.name}`")


def ends_of_life_are_accepted(stack: StackConfig) -> Iterator[Problem]:
    """What upstream no longer fixes is only installed where somebody says why."""
    for chosen, package in _packages(stack):
        if package.health.status == END and not chosen.settings.accept_end_of_life:
            risk = f"{package.name} is {END}: {package.health.note}"
            how = f"Use {package.health.instead}, or say under accept_end_of_life why it is used all the same"
            yield Problem(chosen.feature.path, f"{risk} {how}")
    for each in stack.chosen.values():
        named = (catalog()[name].health.status for name in each.feature.packages)
        if each.settings.accept_end_of_life and END not in named:
            yield Problem((*_settings(each.feature), "accept_end_of_life"), f"nothing of it is {END}: remove the line")


def _settings(feature: Feature) -> Loc:
    """Where a stack file says more of it than that it is on."""
    return ("features", *((feature.family.key,) if feature.family else ()), feature.key)


def _packages(stack: StackConfig) -> Iterator[tuple[Chosen, Package]]:
    return ((each, catalog()[name]) for each in stack.chosen.values() for name in each.feature.packages)


PACKAGE_RULES = (values_are_known, locks_fit, ends_of_life_are_accepted)
