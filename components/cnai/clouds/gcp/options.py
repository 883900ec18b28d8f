"""Options for what a component declares: below it, after whatever the component itself waits for."""

from typing import Any

import pulumi


def inside(
    parent: pulumi.ComponentResource,
    opts: pulumi.ResourceOptions | None,
    *after: pulumi.Resource,
    protect: bool | None = None,
) -> pulumi.ResourceOptions:
    """A component's own `depends_on` says nothing of its children: here they wait for the same."""
    given: Any = opts.depends_on if opts else None
    first: list[pulumi.Resource] = [given] if isinstance(given, pulumi.Resource) else list(given or [])
    return pulumi.ResourceOptions(parent=parent, depends_on=[*first, *after], protect=protect)
