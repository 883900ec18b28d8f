"""Which packages each feature stands for, and what the catalog says that those need."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from cnai.catalog import catalog
from cnai.clouds.settings import SharesGpus
from cnai.environment.problems import Problem
from cnai.environment.spec import FeaturesSpec
from cnai.environment.stack import StackConfig

SECRETS: Mapping[str, Callable[[FeaturesSpec], bool]] = MappingProxyType(
    {
        "grafana_admin_password": lambda features: features.monitoring,
        "object_store_root_password": lambda features: features.object_store not in (None, "bucket"),
    }
)
"""Secrets that some component takes, and whether it is there to take them."""

PACKAGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cert_manager": ("cert-manager",),
        "gpu_operator": ("gpu-operator",),
        "mesh: istio": ("istio-base", "istiod", "istio-gateway"),
        "object_store: bucket": (),
        "object_store: minio": ("minio",),
        "object_store: seaweedfs": ("seaweedfs",),
        "monitoring": ("prometheus-operator-crds", "kube-prometheus-stack"),
        "jobset": ("jobset",),
        "kubeflow: trainer": ("kubeflow-trainer",),
    }
)
"""Feature as a stack file says it -> packages of the catalog."""


def reserved_namespaces() -> frozenset[str]:
    """Namespaces that a team cannot have."""
    return frozenset({"default"} | {package.namespace for package in catalog().values() if package.namespace})


def enabled(features: FeaturesSpec) -> dict[str, tuple[str | int, ...]]:
    """Each feature that is on, as `PACKAGES` spells it -> its path in the stack file."""
    found: dict[str, tuple[str | int, ...]] = {
        key: ("features", key) for key in ("cert_manager", "gpu_operator", "monitoring") if getattr(features, key)
    }
    found |= {
        f"{key}: {value}": ("features", key)
        for key in ("mesh", "object_store")
        if (value := getattr(features, key)) is not None
    }
    found |= {f"kubeflow: {part}": ("features", "kubeflow", i) for i, part in enumerate(features.kubeflow)}
    if has_jobset(features):
        found["jobset"] = ("features", "jobset")
    return found


def has_jobset(features: FeaturesSpec) -> bool:
    return "trainer" in features.kubeflow if features.jobset is None else features.jobset


def has_gpu_dashboard(stack: StackConfig) -> bool:
    wanted = stack.features.gpu_dashboard
    return stack.features.monitoring and stack.has_gpus if wanted is None else wanted


def unmet_needs(stack: StackConfig) -> Iterator[Problem]:
    on = enabled(stack.features)
    installed = {package for feature in on for package in PACKAGES[feature]}
    for feature, path in on.items():
        for package in PACKAGES[feature]:
            for need in catalog()[package].needs:
                if need not in installed and (owner := _owner(need)):
                    yield Problem(path, f"needs {owner}, which is off: switch {owner} on under cnai:features")
    if stack.features.gpu_dashboard:
        for need in ("monitoring", "gpu_operator"):
            if need not in on:
                yield Problem(("features", "gpu_dashboard"), f"needs {need}, which is off: switch {need} on")
    if "gpu_operator" not in on:
        yield from _shared_by_nobody(stack)


def _shared_by_nobody(stack: StackConfig) -> Iterator[Problem]:
    if isinstance(stack.settings, SharesGpus) and stack.settings.shares_gpus:
        return
    for name, pool in stack.pools.items():
        if pool.sharing.mig or pool.sharing.time_slices > 1:
            text = "needs gpu_operator, which is off: switch it on under cnai:features"
            yield Problem(("pools", name, "sharing"), text)


def _owner(package: str) -> str | None:
    """The feature that brings a package; none where no feature does."""
    return next((feature for feature, packages in PACKAGES.items() if package in packages), None)
