"""Names for objects that the program left unnamed, marked with `pulumi.com/autonamed` as upstream does."""

import copy
import hashlib
from typing import Any

from cnai.plugin.autoname import SUFFIX_LENGTH
from cnai.plugin.values import Computed

AUTONAMED = "pulumi.com/autonamed"
FIELD_MANAGER_PREFIX = "pulumi-kubernetes-"


def is_autonamed(inputs: dict[str, Any]) -> bool:
    annotations = (inputs.get("metadata") or {}).get("annotations")
    return isinstance(annotations, dict) and annotations.get(AUTONAMED) == "true"


def is_named(inputs: dict[str, Any]) -> bool:
    """Whether the program gave a name, if only one that the update will know."""
    name = (inputs.get("metadata") or {}).get("name")
    return isinstance(name, Computed) or bool(name)


def named(inputs: dict[str, Any], name: str) -> dict[str, Any]:
    """A copy of `inputs` with an automatic name."""
    result = copy.copy(inputs)
    metadata = dict(result.get("metadata") or {})
    annotations = metadata.get("annotations")
    if not isinstance(annotations, Computed):
        metadata["annotations"] = {**(annotations or {}), AUTONAMED: "true"}
    metadata["name"] = name
    result["metadata"] = metadata
    return result


def field_manager(urn: str) -> str:
    """The same for a resource in every run, so that an `up` after a crash finds its own objects without conflict."""
    return FIELD_MANAGER_PREFIX + hashlib.sha256(urn.encode()).hexdigest()[:SUFFIX_LENGTH]
