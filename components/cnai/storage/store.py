"""What any object store is asked for, and what it always hands out."""

from dataclasses import dataclass

import pulumi

from cnai.clouds.traits import ClusterTraits


@dataclass(frozen=True, kw_only=True)
class Store:
    traits: ClusterTraits
    servers: int
    storage_gib: int
    buckets: tuple[str, ...]
    secret: str
    """Name of the Secret with the credentials."""
    monitoring: bool


def aws_keys(user: str, password: pulumi.Output[str]) -> dict[str, pulumi.Output[str]]:
    """Credentials by the names that every S3 client reads from its environment."""
    return {"AWS_ACCESS_KEY_ID": pulumi.Output.from_input(user), "AWS_SECRET_ACCESS_KEY": password}
