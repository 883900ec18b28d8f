"""NVIDIA's GPU operator: driver, toolkit, device plugin, MIG and metrics on whichever GPU nodes there are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi

from cnai.capabilities import Metrics
from cnai.catalog import merged
from cnai.catalog.children import child_of
from cnai.catalog.installing import install
from cnai.catalog.placement import on_system_nodes
from cnai.clouds.pools import GPU_TAINT
from cnai.clouds.traits import ClusterTraits
from cnai.component import PlatformComponent
from cnai.feature import FeatureSettings
from cnai.site import Site

_SHARING = "device-plugin-sharing"


@dataclass(frozen=True, kw_only=True)
class GpuOperatorArgs:
    traits: ClusterTraits
    """What the cluster can do; `Cluster.traits` gives it."""
    monitoring: bool = False
    """Whether ServiceMonitors are read here: the GPUs' metrics then get one."""
    tolerations: tuple[Mapping[str, Any], ...] = ()
    """What GPU nodes want tolerated beyond NVIDIA's own taint."""
    time_slices: tuple[int, ...] = ()
    """Every number of time slices that some pool gives its GPUs."""
    mig_strategy: Literal["none", "single", "mixed"] = "single"
    """`single`: all GPUs of a node are cut alike and show as `nvidia.com/gpu`; `mixed`: each profile is a resource."""
    allocation: Literal["device-plugin", "dra"] = "device-plugin"
    """How pods get GPUs. `dra` is Dynamic Resource Allocation, which upstream calls experimental."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Chart values laid over ours."""

    def __post_init__(self) -> None:
        if wrong := [each for each in self.time_slices if each < 2]:
            raise ValueError(f"time_slices: give numbers of at least 2, got {wrong[0]}")
        if self.time_slices and self.allocation == "dra":
            raise ValueError(
                "time_slices: the device plugin provides them: use allocation='device-plugin', or leave them out"
            )


def chart_values(args: GpuOperatorArgs) -> dict[str, Any]:
    traits = args.traits
    gpu_nodes = {"tolerations": _gpu_tolerations(args)}
    system = on_system_nodes(traits)
    operator_installs_driver = traits.gpu_driver_owner == "operator"
    operator_shares = traits.gpu_device_plugin_owner == "operator"
    computed: dict[str, Any] = {
        "operator": {"runtimeClass": traits.gpu_runtime_class, **system},
        "daemonsets": gpu_nodes,
        "driver": {"enabled": operator_installs_driver},
        "toolkit": {"enabled": traits.gpu_toolkit_owner == "operator"},
        "mig": {"strategy": args.mig_strategy},
        "dcgmExporter": {"serviceMonitor": {"enabled": args.monitoring}},
        "node-feature-discovery": {"master": system, "gc": system, "worker": gpu_nodes},
    }
    if not operator_shares:
        # Two device plugins would publish the same GPUs twice.
        computed |= {"devicePlugin": {"enabled": False}, "migManager": {"enabled": False}}
    elif args.time_slices:
        computed["devicePlugin"] = {"config": sharing_config(args.time_slices)}
    if traits.gpu_driver_directory:
        # https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/google-gke.html
        computed["hostPaths"] = {"driverInstallDir": traits.gpu_driver_directory}
        computed["toolkit"]["installDir"] = traits.gpu_driver_directory
    if args.allocation == "dra":
        computed["clusterPolicy"] = {"deployCR": False}
        computed["gpuCluster"] = {"deployCR": True}
        computed["driver"]["nvidiaDriverCRD"] = {"enabled": operator_installs_driver}
    return merged(computed, args.values)


def sharing_config(time_slices: tuple[int, ...]) -> dict[str, Any]:
    """One configuration per number of slices; a node names its own in the label `nvidia.com/device-plugin.config`."""
    data = {
        f"time-slices-{slices}": json.dumps(
            {"version": "v1", "sharing": {"timeSlicing": {"resources": [{"name": GPU_TAINT.key, "replicas": slices}]}}}
        )
        for slices in sorted(set(time_slices))
    }
    return {"create": True, "name": _SHARING, "data": data}


def _gpu_tolerations(args: GpuOperatorArgs) -> list[dict[str, Any]]:
    """By name: a toleration for everything would also put operands on nodes that are still being set up (AKS)."""
    nvidia = {"key": GPU_TAINT.key, "operator": "Exists", "effect": GPU_TAINT.effect}
    return [nvidia, *(dict(each) for each in args.tolerations if each.get("key") != GPU_TAINT.key)]


class GpuOperator(PlatformComponent):
    """The GPU operator with its CRDs; its controllers on system nodes, its operands on GPU nodes."""

    def __init__(self, name: str, args: GpuOperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:capacity:GpuOperator", name, {}, opts)
        release = install("gpu-operator", f"{name}-release", chart_values(args), child_of(self))
        self.namespace = release.namespace.apply(str)
        self.register_outputs({"namespace": self.namespace})

    @classmethod
    def args_for(cls, settings: FeatureSettings, site: Site) -> GpuOperatorArgs:
        pools = [pool for pool in site.pools.values() if pool.gpus_per_node]
        slices = {pool.sharing.time_slices for pool in pools} - {1}
        tolerations = {str(toleration): toleration for pool in pools for toleration in pool.tolerations}
        return GpuOperatorArgs(
            traits=site.traits,
            monitoring=site.has(Metrics),
            time_slices=tuple(sorted(slices)),
            tolerations=tuple(tolerations.values()),
            values=settings.values,
        )
