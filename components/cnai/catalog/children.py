"""A component's children: their options, and custom resources among them."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from cnai.readiness import awaited


def child_of(parent: pulumi.Resource, *after: pulumi.Resource, protect: bool | None = None) -> pulumi.ResourceOptions:
    """Below `parent`, with its providers, once all of `after` are there."""
    return pulumi.ResourceOptions(parent=parent, depends_on=list(after), protect=protect)


def custom_resource(
    name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions | None
) -> pulumi.CustomResource:
    """Waited for as `readiness.toml` says of its kind, by the official provider and the sandbox's alike."""
    whole = awaited(manifest)
    if whole.keys() <= {"apiVersion", "kind", "metadata", "spec"}:
        return CustomResource(name, whole.pop("apiVersion"), whole.pop("kind"), opts=opts, **whole)
    # The SDK's class takes no other fields, though some kinds have them at the top.
    return pulumi.CustomResource(f"kubernetes:{whole['apiVersion']}:{whole['kind']}", name, whole, opts)
