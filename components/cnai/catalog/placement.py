"""Where a package's own pods run, and how many of each: decided once, from traits."""

from typing import Any

from cnai.clouds.traits import ClusterTraits

SEVERAL = 2


def on_system_nodes(traits: ClusterTraits) -> dict[str, Any]:
    """nodeSelector and tolerations of the system pool, as most charts take them; what is empty is left to the chart."""
    found: dict[str, Any] = {}
    if traits.system_selector:
        found["nodeSelector"] = dict(traits.system_selector)
    if traits.system_tolerations:
        found["tolerations"] = [dict(each) for each in traits.system_tolerations]
    return found


def replicas_of(traits: ClusterTraits, given: int | None) -> int:
    """As many as asked for; else two, so that one can be evicted, or one where the cluster is disposable."""
    return given if given is not None else 1 if traits.disposable else SEVERAL


def checked_replicas(given: int | None) -> None:
    """Raises `ValueError` where there would be none."""
    if given is not None and given < 1:
        raise ValueError(f"replicas: give at least 1, or leave it out, got {given}")
