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

from cnai.catalog.kustomized import installs, known_late, seen_by_plugins
from cnai.catalog.loading import catalog
from cnai.catalog.merging import layered, merged
from cnai.catalog.package import Package, Source
from cnai.charts.kustomize.bundle import Bundle, home
from cnai.errors import UserError

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

    `values` are laid over the base ones; for a package of kind `manifests` both are kustomizations, and the lists in
    them are joined. Resources: `<name>` (the Release), `<name>-namespace`, `<name>-crds`.
    """
    chosen, first = catalog()[package], list[pulumi.Resource]()
    if namespace is None:
        namespace = declared_namespace(package, f"{name}-namespace", opts)
    if chosen.critical_pods:
        first.append(_quota(f"{name}-critical-pods", namespace, opts))
    if isinstance(chosen.source, Source):
        # Helm installs a chart's `crds/` once: it neither upgrades nor removes them. These are upgraded and removed.
        args, crds = release_args(chosen, values, namespace.metadata.name), chosen.crd_urls
    else:
        args, crds = kustomized_args(chosen, values, namespace.metadata.name)
    if crds:
        first.append(ConfigGroup(f"{name}-crds", files=list(crds), opts=opts))
    return Release(name, args, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=first)))


def release_args(package: Package, values: Mapping[str, Any], namespace: pulumi.Input[str]) -> ReleaseArgs:
    source = package.source
    if not isinstance(source, Source):
        raise TypeError(f"{package.name} has no chart: `install` knows what to do with manifests")
    return _release(
        package,
        namespace,
        chart=f"{source.repository}/{source.chart}" if source.is_oci else source.chart,
        repository_opts=None if source.is_oci else RepositoryOptsArgs(repo=source.repository),
        version=package.version,
        values=merged(package.base_values, values),
        skip_crds=bool(package.crd_files),
    )


def kustomized_args(
    package: Package, values: Mapping[str, Any], namespace: pulumi.Input[str]
) -> tuple[ReleaseArgs, tuple[str, ...]]:
    """Manifests as a release of a chart that is made of them, and the file with their CRDs; `values` kustomize them.

    The kustomization goes along as the release's values, where nothing reads it: so a preview shows what changes.
    """
    kustomization, known = known_late(layered(package.base_values, values))
    bundle, place = Bundle(package, kustomization), home()
    if installs():
        try:
            bundle.make(place, pulumi.log.info)
        except UserError as error:
            # The provider refuses a chart that is not there; only the sandbox's has something to stand in for it.
            pulumi.log.warn(f"{package.name}: {error}")
    args = _release(
        package,
        namespace,
        chart=seen_by_plugins(bundle.chart(place)),
        version=bundle.version,
        values={"kustomization": kustomization, "known": known},
        skip_crds=True,
    )
    return args, (seen_by_plugins(bundle.crds(place)),) if package.lock.crds else ()


def _release(package: Package, namespace: pulumi.Input[str], **given: Any) -> ReleaseArgs:
    """A failed release stays in place, so that its pods can be looked at and the next `up` upgrades it."""
    return ReleaseArgs(
        name=package.release_name,
        namespace=namespace,
        timeout=package.timeout_s,
        atomic=False,
        cleanup_on_fail=True,
        max_history=REVISIONS_KEPT,
        **given,
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
