"""The one way to install a package: a Helm Release, in a namespace and with CRDs that are resources of their own."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import (
    Namespace,
    ResourceQuota,
    ResourceQuotaSpecArgs,
    ScopedResourceSelectorRequirementArgs,
    ScopeSelectorArgs,
)
from pulumi_kubernetes.helm.v3 import Release, ReleaseArgs, RepositoryOptsArgs
from pulumi_kubernetes.yaml.v2 import ConfigGroup

from cnai.catalog.loading import catalog
from cnai.catalog.merging import merged
from cnai.catalog.package import Package

CRITICAL = ("system-node-critical", "system-cluster-critical")
REVISIONS_KEPT = 5


def install(
    package: str,
    name: str,
    values: Mapping[str, Any],
    opts: pulumi.ResourceOptions | None = None,
    *,
    namespace: Namespace | None = None,
) -> Release:
    """Declares the package's namespace (unless given), its CRDs where Helm would not upgrade them, and the Release.

    `values` are laid over the base ones. Resources: `<name>` (the Release), `<name>-namespace`, `<name>-crds`.
    """
    chosen, first = catalog()[package], list[pulumi.Resource]()
    if namespace is None:
        namespace = declared_namespace(package, f"{name}-namespace", opts)
    if chosen.critical_pods:
        first.append(_quota(f"{name}-critical-pods", namespace, opts))
    if chosen.crd_files:
        # Helm installs a chart's `crds/` once: it neither upgrades nor removes them. These are upgraded and removed.
        first.append(ConfigGroup(f"{name}-crds", files=list(chosen.crd_urls), opts=opts))
    after = pulumi.ResourceOptions(depends_on=first)
    return Release(
        name, release_args(chosen, values, namespace.metadata.name), pulumi.ResourceOptions.merge(opts, after)
    )


def release_args(package: Package, values: Mapping[str, Any], namespace: pulumi.Input[str]) -> ReleaseArgs:
    """A failed release stays in place, so that its pods can be looked at and the next `up` upgrades it."""
    source = package.source
    return ReleaseArgs(
        name=package.release_name,
        namespace=namespace,
        chart=f"{source.repository}/{source.chart}" if source.is_oci else source.chart,
        repository_opts=None if source.is_oci else RepositoryOptsArgs(repo=source.repository),
        version=package.version,
        values=merged(package.base_values, values),
        skip_crds=bool(package.crd_files),
        timeout=package.timeout_s,
        atomic=False,
        cleanup_on_fail=True,
        max_history=REVISIONS_KEPT,
    )


def declared_namespace(package: str, name: str, opts: pulumi.ResourceOptions | None = None) -> Namespace:
    """The package's namespace; Helm would make one as well, but never remove it."""
    chosen = catalog()[package]
    labels = {
        "app.kubernetes.io/managed-by": "cnai",
        "pod-security.kubernetes.io/enforce": chosen.pod_security,
    }
    return Namespace(name, metadata={"name": chosen.namespace, "labels": labels}, opts=opts)


def _quota(name: str, namespace: Namespace, opts: pulumi.ResourceOptions | None) -> ResourceQuota:
    """GKE admits pods of critical priority outside kube-system only under a quota that names the class.

    Elsewhere it limits nothing. https://cloud.google.com/kubernetes-engine/docs/how-to/gpu-operator
    """
    critical = ScopedResourceSelectorRequirementArgs(scope_name="PriorityClass", operator="In", values=list(CRITICAL))
    return ResourceQuota(
        name,
        metadata={"name": "critical-pods", "namespace": namespace.metadata.name},
        spec=ResourceQuotaSpecArgs(hard={"pods": "1M"}, scope_selector=ScopeSelectorArgs(match_expressions=[critical])),
        opts=opts,
    )
