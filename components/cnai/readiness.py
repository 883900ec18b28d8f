"""When an object of a kind is ready, as data: what its declaration tells the provider to wait for."""

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, cast

WAIT_FOR = "pulumi.com/waitFor"
SKIP_AWAIT = "pulumi.com/skipAwait"


@cache
def rows() -> Mapping[str, Mapping[str, str | list[str]]]:
    """`readiness.toml`: group or group/version → kind → expressions."""
    return tomllib.loads(resources.files("cnai").joinpath("readiness.toml").read_text())


def wait_for(api_version: str, kind: str) -> str | None:
    """The value of `pulumi.com/waitFor` for objects of a kind; None where nothing is waited for."""
    group = api_version.rpartition("/")[0]
    found = rows().get(api_version, {}).get(kind) or rows().get(group, {}).get(kind)
    return found if isinstance(found, str) or found is None else json.dumps(found)


def awaited(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest, made to be waited for as its kind asks, unless it says itself what to wait for or not to."""
    wanted = wait_for(manifest["apiVersion"], manifest["kind"])
    metadata = cast("Mapping[str, Any]", manifest["metadata"])
    annotations: Mapping[str, Any] = metadata.get("annotations") or {}
    if wanted is None or annotations.keys() & {WAIT_FOR, SKIP_AWAIT}:
        return dict(manifest)
    return {**manifest, "metadata": {**metadata, "annotations": {**annotations, WAIT_FOR: wanted}}}
