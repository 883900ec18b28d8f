"""What features and clouds give each other: few, typed, each with a giver and a taker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from cnai.tenancy.share import Opening

if TYPE_CHECKING:
    import pulumi

Purpose = Literal["models", "data", "backups", "artifacts"]


class Capability:
    """Something that one feature or cloud gives and others take; at most one of a kind in an environment."""

    title: ClassVar[str]
    """As messages say it."""


@dataclass(frozen=True, kw_only=True)
class Metrics(Capability):
    """ServiceMonitors, PodMonitors and PrometheusRules are read, in whatever namespace they are declared."""

    title: ClassVar[str] = "metrics"
    namespace: str
    """Where the Prometheus runs that scrapes them."""


@dataclass(frozen=True, kw_only=True)
class ObjectStorage(Capability):
    """An S3-like store: the cloud's own buckets, or one in the cluster."""

    title: ClassVar[str] = "object storage"
    endpoint: "pulumi.Input[str]"
    """Address for pods, with its scheme."""
    buckets: "Mapping[Purpose, pulumi.Input[str]]"
    """By what they are for; a store need not have one for each."""
    openings: tuple[Opening, ...] = ()
    """What pods must be able to reach to use it: the store itself, or where they get the cloud's credentials."""
    secret: "pulumi.Input[str] | None" = None
    """Secret with the administrator's keys, in the store's own namespace; none where the cloud hands them out."""

    def bucket(self, purpose: Purpose) -> "pulumi.Input[str]":
        """Raises `LookupError` where the store has none for that purpose."""
        if purpose not in self.buckets:
            raise LookupError(f"no bucket for {purpose}: the object store has {', '.join(self.buckets)}")
        return self.buckets[purpose]


@dataclass(frozen=True, kw_only=True)
class Queues(Capability):
    """Jobs wait in a queue until all of their pods fit their team's share."""

    title: ClassVar[str] = "queues"
    default: str
    """The queue of a namespace that jobs join which name none."""
    borrowing: frozenset[str] = field(default=frozenset())
    """Teams that may take what others leave idle."""
