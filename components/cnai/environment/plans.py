"""From a pool in a stack file to what a cloud builds."""

from cnai.clouds.machines import plan
from cnai.clouds.pools import PoolPlan, Sharing
from cnai.clouds.settings import CloudSettings
from cnai.environment.spec import PoolSpec


def pool_plan(cloud: str, name: str, pool: PoolSpec, settings: CloudSettings) -> PoolPlan:
    """Raises `PoolError` if the cloud has no machine that fits."""
    machine = plan(
        cloud,
        machine=pool.machine,
        accelerator=pool.accelerator,
        count_per_node=pool.count_per_node,
        region=settings.region_name(),
    )
    return PoolPlan(
        name=name,
        machine=machine,
        min=pool.min,
        max=pool.most,
        routes=pool.capacity,
        zones=pool.zones or settings.zone_names(),
        labels=pool.labels,
        taints=pool.taints,
        sharing=Sharing(time_slices=pool.sharing.time_slices, mig=pool.sharing.mig),
        fabric=pool.fabric or "",
        placement=pool.placement or "",
        topology=pool.topology or "",
        node_selector=pool.selector,
    )
