"""Lays chart values over one another as Helm does, without changing either side."""

from collections.abc import Mapping
from typing import Any


def merged(base: Mapping[str, Any], *overlays: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merge key by key; anything else, lists too, is replaced whole.

    A `None` in an overlay stays, since Helm reads it as "drop the chart's default".
    """
    result = _copied(base)
    for overlay in overlays:
        for key, value in overlay.items():
            ours = result.get(key)
            both = isinstance(ours, Mapping) and isinstance(value, Mapping)
            result[key] = merged(ours, value) if both else _copied(value)
    return result


def layered(base: Mapping[str, Any], *overlays: Mapping[str, Any]) -> dict[str, Any]:
    """Kustomizations over one another: as `merged`, but lists are joined, so that the patches of every layer apply."""
    result = _copied(base)
    for overlay in overlays:
        for key, value in overlay.items():
            ours = result.get(key)
            if isinstance(ours, Mapping) and isinstance(value, Mapping):
                result[key] = layered(ours, value)
            elif isinstance(ours, list) and isinstance(value, list | tuple):
                result[key] = [*ours, *_copied(value)]
            else:
                result[key] = _copied(value)
    return result


def _copied(value: Any) -> Any:
    """Containers are copied, leaves (a `pulumi.Output` among them) are kept as they are."""
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(inner) for inner in value]
    return value
