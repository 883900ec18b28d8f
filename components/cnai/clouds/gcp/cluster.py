"""GKE from nothing: APIs, network, keys, identities, control plane; node pools as they are asked for."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s

from cnai.clouds.gcp import node_pools
from cnai.clouds.gcp.buckets import GcpBuckets, GcpBucketsArgs
from cnai.clouds.gcp.control_plane import Surroundings, cluster, cluster_name
from cnai.clouds.gcp.identity import GcpNodeIdentity, grant_access
from cnai.clouds.gcp.keys import GcpKeys, GcpKeysArgs, KeyUse
from cnai.clouds.gcp.kubeconfig import kubeconfig
from cnai.clouds.gcp.network import GcpNetwork, GcpNetworkArgs
from cnai.clouds.gcp.nodes import NodeSettings
from cnai.clouds.gcp.registry import GcpRegistry, GcpRegistryArgs
from cnai.clouds.gcp.settings import GcpSettings
from cnai.clouds.gcp.traits import ENCRYPTED_CLASS, gcp_traits
from cnai.clouds.pools import PoolPlan
from cnai.clouds.traits import ClusterTraits
from cnai.errors import UserError

APIS = (
    "artifactregistry",
    "binaryauthorization",
    "cloudkms",
    "cloudresourcemanager",
    "compute",
    "container",
    "containerscanning",
    "iam",
    "logging",
    "monitoring",
    "storage",
)


@dataclass(frozen=True, kw_only=True)
class GcpClusterArgs:
    """Raises `UserError` where the settings do not hold together, or GKE does not take the pools."""

    environment: str
    """Whose cluster; its context in the kubeconfig is called so."""
    settings: GcpSettings
    accelerators: bool = False
    """Whether any pool will have accelerators."""
    pools: Mapping[str, PoolPlan] = field(default_factory=dict[str, PoolPlan])
    """All that will be declared."""

    def __post_init__(self) -> None:
        wrong = [(("cloud", "gcp", *path), text) for path, text in self.settings.problems()]
        wrong = wrong or list(self.settings.pool_problems(self.pools.values()))
        if wrong:
            raise UserError("\n".join(sorted(f"cnai:{'.'.join(map(str, path))}: {text}" for path, text in wrong)))


def resource_labels(environment: str) -> dict[str, str]:
    """As Google takes labels: no dots, no slashes."""
    return {"cnai-environment": re.sub(r"[^a-z0-9_-]", "-", environment)[:63], "managed-by": "cnai"}


class GcpCluster(pulumi.ComponentResource):
    """A private GKE cluster in its own VPC."""

    cloud = "gcp"
    traits: ClusterTraits
    provider: pulumi.ProviderResource

    def __init__(self, name: str, args: GcpClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:GcpCluster", name, {}, opts)
        self._name, self._args, self._settings = name, args, args.settings
        self.traits = gcp_traits(args.settings, args.pools.values(), accelerators=args.accelerators)
        self._google = self._cloud()
        self._apis = self._enabled()
        self._network = GcpNetwork(f"{name}-network", self._network_args(), self._inside(*self._apis))
        self._keys = self._own_keys()
        self._identity = GcpNodeIdentity(
            f"{name}-nodes", args.settings.project, args.environment, self._inside(*self._apis)
        )
        grant_access(f"{name}-access", args.settings.project, args.settings.access, self._inside())
        self._gke = self._control_plane()
        self.provider = self._kubernetes()
        self._ready = [self._encrypted_class()] if self._keys else []
        self.register_outputs({})

    def node_group(self, name: str, plan: PoolPlan, opts: pulumi.ResourceOptions) -> None:
        """Below the pool, but on Google's provider; nodes go before their way out and their rights do."""
        after = [*self._network.ways_out, *self._identity.complete, *(self._keys.grants if self._keys else [])]
        own = pulumi.ResourceOptions(parent=opts.parent, provider=self._google, depends_on=after)
        at = node_pools.Placement(
            cluster=self._gke.name, region=self._settings.region, version=self._gke.master_version, nodes=self._nodes()
        )
        node_pools.declare(name, plan, at, own)

    def ready(self) -> list[pulumi.Resource]:
        """GKE brings its add-ons and its autoscaler with the cluster."""
        return [self._gke, *self._ready]

    def registry(self, name: str, opts: pulumi.ResourceOptions) -> GcpRegistry:
        settings = self._settings
        args = GcpRegistryArgs(
            repository=self._tag,
            project=settings.project,
            region=settings.region,
            reader=self._identity.member,
            key=self._key("storage"),
            disposable=settings.disposable,
        )
        return GcpRegistry(name, args, self._stored(opts))

    def buckets(self, name: str, opts: pulumi.ResourceOptions) -> GcpBuckets:
        settings = self._settings
        args = GcpBucketsArgs(
            project=settings.project,
            number=settings.project_number,
            region=settings.region,
            key=self._key("storage"),
            disposable=settings.disposable,
        )
        return GcpBuckets(name, args, self._stored(opts))

    def _cloud(self) -> gcp.Provider:
        return gcp.Provider(
            f"{self._name}-google",
            project=self._settings.project,
            region=self._settings.region,
            default_labels=resource_labels(self._args.environment),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _inside(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, providers=[self._google], depends_on=list(after))

    def _stored(self, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        after = [*self._apis, *(self._keys.grants if self._keys else [])]
        return pulumi.ResourceOptions(parent=opts.parent, providers=[self._google], depends_on=after)

    def _enabled(self) -> list[pulumi.Resource]:
        """Left on when the environment goes: others in the project may use them."""
        return [
            gcp.projects.Service(
                f"{self._name}-api-{api}",
                project=self._settings.project,
                service=f"{api}.googleapis.com",
                disable_on_destroy=False,
                opts=self._inside(),
            )
            for api in APIS
        ]

    def _network_args(self) -> GcpNetworkArgs:
        ranges: dict[str, Any] = {
            key: getattr(self._settings, key) for key in ("cidr", "pod_cidr", "service_cidr", "control_plane_cidr")
        }
        return GcpNetworkArgs(region=self._settings.region, tag=self._tag, **ranges)

    @property
    def _tag(self) -> str:
        return cluster_name(self._args.environment)

    def _own_keys(self) -> GcpKeys | None:
        settings = self._settings
        if not settings.cmek:
            return None
        args = GcpKeysArgs(
            project=settings.project,
            number=settings.project_number,
            region=settings.region,
            disposable=settings.disposable,
        )
        return GcpKeys(f"{self._name}-keys", args, self._inside(*self._apis))

    def _key(self, use: KeyUse) -> pulumi.Output[str] | None:
        return self._keys.ids[use] if self._keys else None

    def _control_plane(self) -> gcp.container.Cluster:
        at = Surroundings(
            network=self._network.network.id,
            subnetwork=self._network.subnetwork.id,
            secrets_key=self._key("secrets"),
            labels=resource_labels(self._args.environment),
        )
        after = [*self._apis, *self._network.ways_out, *(self._keys.grants if self._keys else [])]
        opts = pulumi.ResourceOptions.merge(
            self._inside(*after), pulumi.ResourceOptions(protect=not self._settings.disposable)
        )
        return gcp.container.Cluster(self._name, opts=opts, **cluster(self._args.environment, self._settings, at))

    def _nodes(self) -> NodeSettings:
        return NodeSettings(
            service_account=self._identity.email,
            tag=self._tag,
            disk_key=self._key("disks"),
            gpu_driver=self._settings.gpu_driver,
            labels=resource_labels(self._args.environment),
        )

    def _kubernetes(self) -> k8s.Provider:
        context = self._args.environment
        authority = self._gke.master_auth.apply(lambda auth: auth.cluster_ca_certificate)
        written = pulumi.Output.all(self._gke.endpoint, authority).apply(
            lambda found: json.dumps(kubeconfig(context=context, endpoint=str(found[0]), ca=str(found[1])))
        )
        return k8s.Provider(
            f"{self._name}-kubernetes",
            kubeconfig=written,
            context=context,
            enable_server_side_apply=True,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _encrypted_class(self) -> pulumi.Resource:
        disks: dict[str, Any] = {"type": "pd-balanced", "disk-encryption-kms-key": self._key("disks")}
        return k8s.storage.v1.StorageClass(
            f"{self._name}-encrypted",
            # Of several defaults the newest counts, so that this one takes the place of GKE's.
            metadata={
                "name": ENCRYPTED_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            provisioner="pd.csi.storage.gke.io",
            parameters=disks,
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
            reclaim_policy="Delete",
            opts=pulumi.ResourceOptions(parent=self, provider=self.provider),
        )
