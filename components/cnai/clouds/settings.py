"""What `cnai:cloud` may say for each cloud: plain data, so that validating it imports no cloud's SDK."""

from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from cnai.clouds.pools import RouteKind


class Settings(BaseModel):
    """Refuses unknown keys, cannot change, and never shows a value in an error (it may be a secret)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)


class CloudSettings(Protocol):
    """What validation asks of a cloud before anything of it is imported."""

    def zone_names(self) -> tuple[str, ...]: ...

    def routes(self) -> tuple[RouteKind, ...]:
        """How a pool may get machines here."""
        ...

    def object_stores(self) -> tuple[str, ...]:
        """What `cnai:features.object_store` may name here; a cloud with buckets adds `bucket`."""
        ...


class LocalSettings(Settings):
    """The sandbox's own cloud: an embedded control plane with simulated nodes."""

    zones: Annotated[int, Field(strict=True, ge=1, le=26)] = 3
    """How many zones to spread nodes over; they are called local-a, local-b and so on."""

    def zone_names(self) -> tuple[str, ...]:
        return tuple(f"local-{chr(ord('a') + i)}" for i in range(self.zones))

    def routes(self) -> tuple[RouteKind, ...]:
        return ("on-demand", "spot", "reserved")

    def object_stores(self) -> tuple[str, ...]:
        return ("minio", "seaweedfs")
