"""NVIDIA's GPU operator."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cnai.capabilities import Metrics
from cnai.clouds.settings import SharesGpus
from cnai.feature import Feature, FeatureSettings
from cnai.problems import Problem

if TYPE_CHECKING:
    from cnai.environment.stack import StackConfig


def somebody_shares_gpus(settings: FeatureSettings | None, stack: "StackConfig") -> Iterator[Problem]:
    """Time slices and MIG instances are the operator's to make, unless the cloud does it."""
    if settings or (isinstance(stack.settings, SharesGpus) and stack.settings.shares_gpus):
        return
    for name, pool in stack.pools.items():
        if pool.sharing.mig or pool.sharing.time_slices > 1:
            text = "needs gpu_operator, which is off: switch it on under cnai:features"
            yield Problem(("pools", name, "sharing"), text)


FEATURE = Feature(
    key="gpu_operator",
    text="NVIDIA's driver, device plugin, feature discovery and metrics on GPU nodes.",
    component="GpuOperator",
    packages=("gpu-operator",),
    uses=(Metrics,),
    rules=(somebody_shares_gpus,),
)
