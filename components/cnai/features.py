"""Which features there are: the platform's table of contents. Their order in a platform comes from what they need."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from cnai.catalog.loading import catalog
from cnai.errors import UserError
from cnai.feature import Feature
from cnai.package_folders import ENTRY_POINTS

FEATURES = (
    "capacity.gpu_operator",
    "kubeflow.jobset",
    "kubeflow.trainer",
    "network.cert_manager",
    "network.istio",
    "observability.monitoring",
    "scheduling.kueue",
    "storage.bucket",
    "storage.minio",
    "storage.seaweedfs",
)
"""`<room>.<system>`, the folder that owns each: its `feature.py` says what a stack file calls it."""


@cache
def features() -> Mapping[str, Feature]:
    """Every feature by its key, ours and those of other distributions. Raises `UserError` where one cannot be read."""
    found: dict[str, Feature] = {}
    for feature in (*map(_ours, FEATURES), *map(_theirs, entry_points(group=ENTRY_POINTS))):
        if feature.key in found:
            raise UserError(f"feature {feature.key}: both {found[feature.key].module} and {feature.module} have it")
        found[feature.key] = feature
    for feature in found.values():
        _check(feature, found)
    return MappingProxyType({key: found[key] for key in _ordered(found)})


def _ours(place: str) -> Feature:
    module = f"cnai.{place}.feature"
    return replace(import_module(module).FEATURE, module=module)


def _theirs(point: EntryPoint) -> Feature:
    """`name = "their_package.their_system.feature"`, or with `:FEATURE` behind it."""
    who = f"feature {point.name} of {point.dist.name if point.dist else point.module}"
    try:
        found = import_module(point.module)
        feature = getattr(found, point.attr or "FEATURE", None)
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{who} cannot be read ({words}): repair or uninstall it") from error
    if not isinstance(feature, Feature):
        raise UserError(f"{who}: {point.module} has no FEATURE of type cnai.feature.Feature: repair or uninstall it")
    return replace(feature, module=point.module)


def _check(feature: Feature, known: Mapping[str, Feature]) -> None:
    where = f"feature {feature.key} ({feature.module})"
    if unknown := sorted({*feature.needs, *feature.after, *feature.excludes} - set(known)):
        raise UserError(
            f"{where}: no feature {', '.join(unknown)}: needs, after and excludes name features by their key"
        )
    if unknown := sorted(set(feature.packages) - set(catalog())):
        raise UserError(f"{where}: no package {', '.join(unknown)}: add it to the package.toml beside")


def _ordered(known: Mapping[str, Feature]) -> list[str]:
    """Needs and givers first, otherwise by name."""
    graph = {key: sorted(predecessors(feature, known)) for key, feature in sorted(known.items())}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise UserError(f"features need each other in a circle: {' -> '.join(error.args[1])}") from None


def predecessors(feature: Feature, known: Mapping[str, Feature]) -> set[str]:
    """Features that come before one, where they are on: those it names, and those that give what it takes."""
    taken = {*feature.requires, *feature.uses}
    return {*feature.needs, *feature.after, *(key for key, each in known.items() if taken & set(each.gives))}


def component_homes() -> Mapping[str, str]:
    """Name of each feature's component, and of its args, -> its module: what `from cnai import …` offers."""
    found: dict[str, str] = {}
    for feature in features().values():
        for name in (feature.component, f"{feature.component}Args") if feature.packages else ():
            found[name] = f"{feature.module.rpartition('.')[0]}.component"
    return found
