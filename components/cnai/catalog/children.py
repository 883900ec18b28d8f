"""Options for a component's children."""

import pulumi


def child_of(parent: pulumi.Resource, *after: pulumi.Resource, protect: bool | None = None) -> pulumi.ResourceOptions:
    """Below `parent`, with its providers, once all of `after` are there."""
    return pulumi.ResourceOptions(parent=parent, depends_on=list(after), protect=protect)
