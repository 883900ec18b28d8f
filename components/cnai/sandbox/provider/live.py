"""What of a live object is input: compared with the program's for `refresh`, on its own for `import`."""

from collections.abc import Mapping
from typing import Any, cast

from cnai.quantities import quantity

Object = dict[str, Any]
SERVER_METADATA = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
SERVER_ANNOTATIONS = frozenset(
    {"deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"}
)


def as_inputs(live: Object, inputs: Object) -> Object:
    """A live object as the inputs that it has now; without inputs to compare with, all that could have made it."""
    if not inputs:
        return dashes_to_underscores(cleaned(live)) if _is_definition(live) else cleaned(live)
    if not _is_definition(live):
        return pruned(live, inputs)
    # Programs spell `x_kubernetes_…`, manifests `x-kubernetes-…`: what comes back is in the spelling that was given.
    dashed = underscores_to_dashes(inputs)
    now = pruned(live, dashed)
    return now if dashed == inputs else dashes_to_underscores(now)


def pruned(live: Any, inputs: Any) -> Any:
    """`live` in the shape of `inputs`: what the program set, with the values that it has now.

    What means the same stays as the program wrote it (`1000m` for `1`): a refresh shows drift, not spelling.
    """
    if isinstance(live, dict) and isinstance(inputs, dict):
        now, set_by_us = cast("Object", live), cast("Object", inputs)
        kept = {key: pruned(now[key], value) for key, value in set_by_us.items() if key in now}
        # Write-only or empty: the server never shows these again.
        gone = {key: value for key, value in set_by_us.items() if key not in now and _never_shown(key, value)}
        return {key: (kept | gone)[key] for key in set_by_us if key in kept or key in gone}
    if isinstance(live, list) and isinstance(inputs, list):
        return _pruned_list(cast("list[Any]", live), cast("list[Any]", inputs))
    return inputs if same(live, inputs) else live


def _pruned_list(live: list[Any], inputs: list[Any]) -> list[Any]:
    """Lists of named items are matched by name, since controllers and webhooks add items of their own."""
    if not all(isinstance(item, dict) and "name" in item for item in (*live, *inputs)):
        if len(live) == len(inputs):
            return [pruned(now, given) for now, given in zip(live, inputs, strict=True)]
        return live
    by_name = {item["name"]: item for item in live}
    return [pruned(by_name[item["name"]], item) for item in inputs if item["name"] in by_name]


def same(live: Any, given: Any) -> bool:
    """Equal, or two spellings of one quantity."""
    if live == given:
        return True
    left, right = quantity(live), quantity(given)
    return left is not None and left == right


def _never_shown(key: str, value: Any) -> bool:
    return key == "stringData" or value in ({}, [], "", None, False, 0)


def cleaned(live: Mapping[str, Any]) -> Object:
    """A live object as inputs that could have made it, for an import."""
    kept = {key: value for key, value in live.items() if key != "status"}
    metadata = {key: value for key, value in live["metadata"].items() if key not in SERVER_METADATA}
    annotations = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if key not in SERVER_ANNOTATIONS
    }
    metadata.pop("annotations", None)
    return kept | {"metadata": metadata | ({"annotations": annotations} if annotations else {})}


def outputs(live: Mapping[str, Any], manager: str, preview: bool = False) -> Object:
    """A live object as a resource's outputs: without field ownership, which only makes the state large."""
    result = dict(live)
    result["metadata"] = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    if preview:
        result.pop("status", None)
    result["__fieldManager"] = manager
    result["__initialApiVersion"] = live["apiVersion"]
    return dashes_to_underscores(result) if _is_definition(live) else result


def _is_definition(live: Mapping[str, Any]) -> bool:
    return live.get("kind") == "CustomResourceDefinition"


def dashes_to_underscores(value: Any) -> Any:
    """CRD schemas spell `x-kubernetes-…`; the SDKs' property names cannot hold dashes."""
    return _renamed(value, "x-kubernetes-", "-", "_")


def underscores_to_dashes(value: Any) -> Any:
    return _renamed(value, "x_kubernetes_", "_", "-")


def _renamed(value: Any, prefix: str, before: str, after: str) -> Any:
    if isinstance(value, dict):
        return {
            key.replace(before, after) if key.startswith(prefix) else key: _renamed(inner, prefix, before, after)
            for key, inner in cast("Object", value).items()
        }
    if isinstance(value, list):
        return [_renamed(inner, prefix, before, after) for inner in cast("list[Any]", value)]
    return value
