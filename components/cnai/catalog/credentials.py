"""Passwords that a chart reads from a Secret, so that they never appear in values."""

import secrets
from base64 import b64encode
from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.core.v1 import Namespace, Secret

_BYTES = 24


def password(given: pulumi.Input[str] | None) -> pulumi.Output[str]:
    """The one given, or a new one; secret either way."""
    return pulumi.Output.secret(secrets.token_urlsafe(_BYTES) if given is None else given)


def credentials(
    name: str,
    secret: str,
    namespace: Namespace,
    data: Mapping[str, pulumi.Output[str]],
    opts: pulumi.ResourceOptions,
    *,
    made_up: bool,
) -> Secret:
    """Where `made_up`, the first run's data stays for good: every later run makes up others, which are ignored."""
    once = pulumi.ResourceOptions(ignore_changes=["data"] if made_up else None)
    return Secret(
        name,
        metadata={"name": secret, "namespace": namespace.metadata.name},
        type="Opaque",
        data={key: value.apply(_encoded) for key, value in data.items()},
        opts=pulumi.ResourceOptions.merge(opts, once),
    )


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()
