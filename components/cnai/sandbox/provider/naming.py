"""Names for objects that the program left unnamed, marked with `pulumi.com/autonamed` as upstream does."""

import copy
import hashlib
import secrets
from typing import Any

from cnai.sandbox.provider.errors import ProviderError
from cnai.sandbox.provider.values import Unknown

AUTONAMED = "pulumi.com/autonamed"
FIELD_MANAGER_PREFIX = "pulumi-kubernetes-"
SUFFIX_LENGTH = 8
DISABLE = 2
"""`CheckRequest.AutonamingOptions.Mode.DISABLE`; the other modes give the name to use."""


def autoname(logical_name: str, seed: bytes, proposed: str = "", mode: int = 0) -> str:
    """A name for a new object: the engine's proposal, else the logical name and a suffix from the engine's seed."""
    if mode == DISABLE:
        raise ProviderError("autonaming is disabled: set `metadata.name`")
    if proposed:
        return proposed
    suffix = hashlib.sha256(seed).hexdigest() if seed else secrets.token_hex(SUFFIX_LENGTH)
    return f"{logical_name}-{suffix[:SUFFIX_LENGTH]}"


def is_autonamed(inputs: dict[str, Any]) -> bool:
    annotations = (inputs.get("metadata") or {}).get("annotations")
    return isinstance(annotations, dict) and annotations.get(AUTONAMED) == "true"


def is_named(inputs: dict[str, Any]) -> bool:
    """Whether the program gave a name, if only one that the update will know."""
    name = (inputs.get("metadata") or {}).get("name")
    return isinstance(name, Unknown) or bool(name)


def named(inputs: dict[str, Any], name: str) -> dict[str, Any]:
    """A copy of `inputs` with an automatic name."""
    result = copy.copy(inputs)
    metadata = dict(result.get("metadata") or {})
    annotations = metadata.get("annotations")
    if not isinstance(annotations, Unknown):
        metadata["annotations"] = {**(annotations or {}), AUTONAMED: "true"}
    metadata["name"] = name
    result["metadata"] = metadata
    return result


def field_manager(urn: str) -> str:
    """The same for a resource in every run, so that an `up` after a crash finds its own objects without conflict."""
    return FIELD_MANAGER_PREFIX + hashlib.sha256(urn.encode()).hexdigest()[:SUFFIX_LENGTH]
