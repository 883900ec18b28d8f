"""What `cnai:cloud` may say for each cloud: plain data, so that validating it imports no cloud's SDK."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from cnai.clouds.pools import PoolPlan, RouteKind, Taint

Problems = Iterator[tuple[tuple[str | int, ...], str]]
"""What is wrong: the key's path below the cloud's own, and what to change."""
Minor = Annotated[str, Field(strict=True, pattern=r"^1\.[0-9]{2}$")]
"""A Kubernetes minor, such as `1.36`."""


class Settings(BaseModel):
    """Refuses unknown keys, cannot change, and never shows a value in an error (it may be a secret)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)


class CloudSettings(Protocol):
    """What validation asks of a cloud before anything of it is imported."""

    @property
    def makes_nodes(self) -> bool:
        """False where nodes exist already and pools only select them."""
        ...

    def zone_names(self) -> tuple[str, ...]:
        """Zones that nodes are spread over; empty where the cloud has no such notion."""
        ...

    def region_name(self) -> str:
        """What `machines.toml` calls it under `regions`."""
        ...

    def routes(self) -> tuple[RouteKind, ...]:
        """How a pool may get machines here."""
        ...

    def object_stores(self) -> tuple[str, ...]:
        """What `cnai:features.object_store` may name here; a cloud with its own buckets has `bucket`."""
        ...

    def fabrics(self) -> tuple[str, ...]:
        """RDMA fabrics that a pool may insist on here."""
        ...

    def kubernetes_version(self) -> str:
        """Major and minor, such as `1.36`."""
        ...

    def packages(self, plans: Iterable[PoolPlan]) -> tuple[str, ...]:
        """Packages of the catalog that a cluster with these pools brings by itself, in the order of their install."""
        ...

    def problems(self) -> Problems:
        """What of it does not fit together: ranges that overlap, an unknown region."""
        ...


@runtime_checkable
class JudgesPools(Protocol):
    """Settings of a cloud that takes not every pool that can be planned."""

    def pool_problems(self, plans: Iterable[PoolPlan]) -> Problems:
        """What it does not take, all pools looked at together; paths start below `cnai:`."""
        ...


@runtime_checkable
class TaintsRoutes(Protocol):
    """Settings of a cloud that itself taints nodes which came by some route."""

    def route_taints(self, kind: RouteKind) -> tuple[Taint, ...]: ...


@runtime_checkable
class SharesGpus(Protocol):
    """Settings of a cloud that may itself let a GPU serve several pods, so that nothing else is needed for it."""

    @property
    def shares_gpus(self) -> bool: ...
