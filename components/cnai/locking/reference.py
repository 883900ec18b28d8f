"""The values that a package gets on a small cluster with nothing said of it: what its lock is rendered with."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import yaml

from cnai.capabilities import Capability
from cnai.catalog import Package, catalog
from cnai.charts.inputs import source_of
from cnai.charts.packages import package_for
from cnai.charts.tokens import RELEASE
from cnai.environment import Environment
from cnai.errors import FailedError, UserError
from cnai.feature import Feature
from cnai.features import features
from cnai.platform import Platform
from cnai.render.recording import leaves, record

Config = Mapping[str, Any]
HOME = "clouds/"
NAME = "reference"


def release_of(package: Package) -> Mapping[str, Any]:
    """Inputs of the package's Release in its reference environment. Raises `FailedError` where nothing installs it."""
    found = releases_in(package.name)
    if package.name not in found:
        raise FailedError(
            f"{package.name}: its reference environment does not install it: name it in the `packages` of a feature, "
            "or of its cloud's settings in cnai/locking/reference.yaml"
        )
    return found[package.name]


def kubernetes_version() -> str:
    """That of the local reference environment, major and minor."""
    return Environment.load(NAME, clusters()["local"]).cloud_settings.kubernetes_version()


@cache
def clusters() -> Mapping[str, dict[str, Any]]:
    return yaml.safe_load(files("cnai.locking").joinpath("reference.yaml").read_text("utf-8"))


@cache
def releases_in(package: str) -> Mapping[str, Mapping[str, Any]]:
    """Package -> inputs of its Release, in the environment that a package is locked in."""
    config = config_of(catalog()[package])
    try:
        environment = Environment.load(NAME, config)
        registered = record(lambda: Platform(environment), NAME, NAME, preview=True, reads=leaves)
    except UserError as error:
        raise FailedError(f"{package}: its reference environment is refused: {error}") from error
    releases = (each.inputs for each in registered if each.type == RELEASE)
    named = {known.name: inputs for inputs in releases if (known := package_for(source_of(inputs)))}
    return MappingProxyType(named)


def cloud_of(package: Package) -> str:
    """Whose reference environment a package is locked in."""
    return package.home.removeprefix(HOME) if package.home.startswith(HOME) else "local"


def config_of(package: Package) -> Config:
    """Of a cloud's own chart that cloud's; of a feature's the local one, with the feature on."""
    if (cloud := cloud_of(package)) != "local":
        return clusters()[cloud]
    owner = next((each for each in features().values() if package.name in each.packages), None)
    return clusters()["local"] | {"cnai:features": switched_on(company(owner)) if owner else {}}


def company(feature: Feature) -> list[Feature]:
    """A feature, with those that it needs and that give what it takes."""
    found, wanted = dict[str, Feature](), [feature]
    while wanted:
        each = wanted.pop()
        if each.key not in found and not any(each.key in other.excludes for other in found.values()):
            found[each.key] = each
            given = {capability for other in found.values() for capability in other.gives}
            wanted += [features()[need] for need in each.needs]
            wanted += [giver for kind in {*each.requires, *each.uses} - given if (giver := _giver(kind))]
    return list(found.values())


def _giver(capability: type[Capability]) -> Feature | None:
    """The first, by name, that installs something which upstream maintains."""
    givers = (each for _, each in sorted(features().items()) if capability in each.gives and each.packages)
    alive = (each for each in givers if all(catalog()[name].health.status == "maintained" for name in each.packages))
    return next(alive, None)


def _ended(feature: Feature) -> bool:
    return any(catalog()[name].health.status == "end-of-life" for name in feature.packages)


def switched_on(chosen: Iterable[Feature]) -> dict[str, Any]:
    """As a stack file says it."""
    found: dict[str, Any] = {}
    for each in chosen:
        said = {"accept_end_of_life": "only its lock is made"} if _ended(each) else True
        if each.family is None:
            found[each.key] = said
        else:
            found.setdefault(each.family.key, {})[each.key] = said
    return found
