"""What `cnai:cloud.local` may say."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from cnai.clouds.machines import kubernetes_version
from cnai.clouds.pools import PoolPlan, RouteKind
from cnai.clouds.settings import Problems, Settings


class LocalSettings(Settings):
    """The sandbox's own cloud: an embedded control plane with simulated nodes."""

    zones: Annotated[int, Field(strict=True, ge=1, le=26)] = 3
    """How many zones to spread nodes over; they are called local-a, local-b and so on."""

    @property
    def makes_nodes(self) -> bool:
        return True

    def zone_names(self) -> tuple[str, ...]:
        return tuple(f"local-{chr(ord('a') + i)}" for i in range(self.zones))

    def routes(self) -> tuple[RouteKind, ...]:
        return ("on-demand", "spot", "reserved")

    def object_stores(self) -> tuple[str, ...]:
        return ("minio", "seaweedfs")

    def region_name(self) -> str:
        return "local"

    def fabrics(self) -> tuple[str, ...]:
        return ("efa",)

    def kubernetes_version(self) -> str:
        """That of the embedded control plane."""
        return kubernetes_version("local")

    def packages(self, plans: Iterable[PoolPlan]) -> tuple[str, ...]:
        return ()

    def problems(self) -> Problems:
        return iter(())
