"""What the enabled features require of one another, of the secrets and of the namespaces."""

from collections.abc import Iterable, Iterator, Mapping

from cnai.capabilities import Capability
from cnai.catalog import catalog
from cnai.environment.choices import Chosen
from cnai.environment.stack import StackConfig
from cnai.feature import Feature
from cnai.features import features
from cnai.problems import Problem, nearest

ALWAYS_TAKEN = frozenset({"default"})


def packages(stack: StackConfig) -> tuple[str, ...]:
    """Packages of the enabled features, in the order in which they are installed."""
    return tuple(package for each in stack.chosen.values() for package in each.feature.packages)


def reserved_namespaces(stack: StackConfig) -> frozenset[str]:
    """Namespaces a team cannot use here: those of the enabled features and of the cloud's packages."""
    here = [catalog()[name].namespace for name in packages(stack)]
    clouds = [catalog()[name].namespace for name in stack.settings.packages(stack.plans().values())]
    return ALWAYS_TAKEN | {namespace for namespace in (*here, *clouds) if namespace}


def known_secrets() -> dict[str, list[Feature]]:
    """Each name under `cnai:secrets`, with the features that use it."""
    found: dict[str, list[Feature]] = {}
    for feature in features().values():
        for name in feature.secrets:
            found.setdefault(name, []).append(feature)
    return found


def unmet_needs(stack: StackConfig) -> Iterator[Problem]:
    on = stack.chosen
    given = {capability for each in on.values() for capability in each.feature.gives}
    for each in on.values():
        yield from _unmet(each.feature, on)
        for capability in each.feature.requires:
            if capability not in given:
                yield Problem(
                    each.feature.path, f"needs {capability.title}, which nothing provides: {_givers(capability)}"
                )


def _unmet(feature: Feature, on: Mapping[str, Chosen]) -> Iterator[Problem]:
    for need in feature.needs:
        if need not in on:
            label = features()[need].label
            yield Problem(feature.path, f"needs {label}, which is off: switch {label} on under cnai:features")
    for other in feature.excludes:
        if other in on:
            yield Problem(feature.path, f"cannot be combined with {features()[other].label}: switch one of them off")


def _givers(capability: type[Capability]) -> str:
    names = [feature.label for feature in features().values() if capability in feature.gives]
    return f"switch on one of {', '.join(names)} under cnai:features"


def rules_of_features(stack: StackConfig) -> Iterator[Problem]:
    """Problems each feature itself reports, whether it is on or off."""
    for key, feature in features().items():
        settings = stack.chosen[key].settings if key in stack.chosen else None
        for rule in feature.rules:
            yield from rule(settings, stack)


def values_go_to_packages(stack: StackConfig) -> Iterator[Problem]:
    """Where a feature has several charts, its `values` are keyed by chart."""
    for each in stack.chosen.values():
        names = each.feature.packages
        for name in each.settings.values if len(names) != 1 else ():
            if name not in names:
                path = (*each.feature.path, "values", name)
                yield Problem(
                    path, f"no chart of that name here: {nearest(name, names)}" if names else "it has no chart"
                )


def one_giver_each(stack: StackConfig) -> Iterator[Problem]:
    givers: dict[type[Capability], list[str]] = {}
    for each in stack.chosen.values():
        for capability in each.feature.gives:
            givers.setdefault(capability, []).append(each.feature.label)
    for capability, labels in givers.items():
        if len(labels) > 1:
            yield Problem(
                ("features",), f"{' and '.join(labels)} both provide {capability.title}: switch one of them off"
            )


FEATURE_RULES = (unmet_needs, rules_of_features, values_go_to_packages, one_giver_each)


def secrets_are_used(stack: StackConfig) -> Iterable[Problem]:
    known = known_secrets()
    for name in stack.secrets:
        if name not in known:
            yield Problem(("secrets", name), f"no component uses it: {nearest(name, list(known))}")
        elif not any(feature.key in stack.chosen for feature in known[name]):
            yield Problem(("secrets", name), "the feature that uses it is off: switch it on or remove the secret")
