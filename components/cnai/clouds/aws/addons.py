"""EKS add-ons: network and identity before the first node, DNS and disks as soon as there is one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi_aws.eks import AddonPodIdentityAssociationArgs as AddonPodIdentity

from cnai.catalog.placement import on_system_nodes
from cnai.clouds.aws.identity import Role, pod_role
from cnai.clouds.aws.traits import STORAGE_CLASS
from cnai.clouds.traits import ClusterTraits


@dataclass(frozen=True, kw_only=True)
class Addon:
    """One EKS add-on; `account` is the service account in kube-system that gets a role with `policy`."""

    name: str
    values: Mapping[str, Any]
    account: str = ""
    policy: str = ""


def before_nodes() -> tuple[Addon, ...]:
    """DaemonSets without which a node never becomes ready."""
    prefixes = {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"}
    return (
        Addon(name="eks-pod-identity-agent", values={}),
        Addon(name="kube-proxy", values={}),
        Addon(
            name="vpc-cni",
            # It also enforces NetworkPolicies, which teams rely on.
            values={"env": prefixes, "enableNetworkPolicy": "true"},
            account="aws-node",
            policy="AmazonEKS_CNI_Policy",
        ),
    )


def on_nodes(traits: ClusterTraits) -> tuple[Addon, ...]:
    system = on_system_nodes(traits)
    return (
        Addon(name="coredns", values=system),
        Addon(
            name="aws-ebs-csi-driver",
            values={"controller": system},
            account="ebs-csi-controller-sa",
            policy="service-role/AmazonEBSCSIDriverPolicy",
        ),
    )


def default_storage_class() -> dict[str, Any]:
    return {
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "ebs.csi.aws.com",
        "parameters": {"type": "gp3", "encrypted": "true", "csi.storage.k8s.io/fstype": "ext4"},
        "reclaim_policy": "Delete",
        "allow_volume_expansion": True,
        # A volume is in one zone: the one in which its pod finds room.
        "volume_binding_mode": "WaitForFirstConsumer",
    }


class AwsAddons(pulumi.ComponentResource):
    """Several add-ons at once, each of the version that EKS gives the cluster's own minor."""

    addons: list[pulumi.Resource]

    def __init__(
        self,
        name: str,
        cluster: aws.eks.Cluster,
        kubernetes: str,
        addons: Sequence[Addon],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cnai:clouds:AwsAddons", name, {}, opts)
        self._name, self._cluster, self._kubernetes = name, cluster, kubernetes
        self._inside = pulumi.ResourceOptions(parent=self)
        self.addons = [self._addon(addon) for addon in addons]
        self.register_outputs({})

    def _addon(self, addon: Addon) -> aws.eks.Addon:
        role = self._role(addon)
        own = [AddonPodIdentity(role_arn=role.arn, service_account=addon.account)] if role else None
        after = pulumi.ResourceOptions(parent=self, depends_on=role.complete if role else [])
        version = aws.eks.get_addon_version_output(
            addon_name=addon.name, kubernetes_version=self._kubernetes, opts=pulumi.InvokeOutputOptions(parent=self)
        ).version
        return aws.eks.Addon(
            f"{self._name}-{addon.name}",
            aws.eks.AddonArgs(
                cluster_name=self._cluster.name,
                addon_name=addon.name,
                addon_version=version,
                configuration_values=json.dumps(addon.values) if addon.values else None,
                pod_identity_associations=own,
                resolve_conflicts_on_create="OVERWRITE",
                resolve_conflicts_on_update="OVERWRITE",
            ),
            opts=after,
        )

    def _role(self, addon: Addon) -> Role | None:
        if not addon.account:
            return None
        return pod_role(f"{self._name}-{addon.name}", "kube-system", addon.account, self._inside, (addon.policy,))


class DefaultStorageClass(pulumi.ComponentResource):
    """gp3, encrypted, for every claim that names no class."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AwsStorageClass", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        k8s.storage.v1.StorageClass(f"{name}-{STORAGE_CLASS}", **default_storage_class(), opts=inside)
        self.register_outputs({})
