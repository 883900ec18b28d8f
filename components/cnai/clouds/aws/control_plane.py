"""The EKS control plane: its role, its key, its log, and who may enter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from cnai.clouds.aws.identity import CLUSTER_POLICIES, access_entries, service_role
from cnai.clouds.aws.kubeconfig import kubeconfig
from cnai.clouds.aws.network import AwsNetwork
from cnai.clouds.aws.settings import AwsSettings

LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")


@dataclass(frozen=True, kw_only=True)
class AwsControlPlaneArgs:
    environment: str
    settings: AwsSettings
    network: AwsNetwork


class AwsControlPlane(pulumi.ComponentResource):
    """A cluster of the environment's name, with no node and no add-on yet."""

    cluster: aws.eks.Cluster
    security_group: pulumi.Output[str]
    """The one that EKS makes: nodes and control plane reach each other through it."""
    kubernetes: k8s.Provider

    def __init__(self, name: str, args: AwsControlPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AwsControlPlane", name, {}, opts)
        self._name, self._args, self._inside = name, args, pulumi.ResourceOptions(parent=self)
        self.cluster = self._cluster()
        self.security_group = cast("pulumi.Output[str]", self.cluster.vpc_config.cluster_security_group_id)
        entries = access_entries(name, self.cluster.name, args.settings.access, self._inside)
        self._identity_provider()
        self.kubernetes = self._kubernetes(entries)
        self.register_outputs({})

    def _cluster(self) -> aws.eks.Cluster:
        settings, environment = self._args.settings, self._args.environment
        role = service_role(f"{self._name}-control-plane", "eks.amazonaws.com", CLUSTER_POLICIES, self._inside)
        key = aws.kms.Key(
            f"{self._name}-secrets",
            description=f"Secrets of the cluster {environment}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            opts=self._inside,
        )
        # EKS would make it as well, and keep everything for ever.
        log = aws.cloudwatch.LogGroup(
            f"{self._name}-control-plane",
            name=f"/aws/eks/{environment}/cluster",
            retention_in_days=settings.log_retention_days,
            opts=self._inside,
        )
        return aws.eks.Cluster(
            self._name,
            name=environment,
            version=settings.kubernetes_version(),
            role_arn=role.arn,
            vpc_config=self._endpoint(),
            kubernetes_network_config={"service_ipv4_cidr": settings.service_cidr},
            # Who creates it is its admin: this very program goes on to fill it.
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": True},
            encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
            enabled_cluster_log_types=list(LOGS),
            bootstrap_self_managed_addons=False,
            upgrade_policy={"support_type": "STANDARD"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*role.complete, log]),
        )

    def _endpoint(self) -> aws.eks.ClusterVpcConfigArgs:
        ranges = list(self._args.settings.public_access_cidrs)
        return aws.eks.ClusterVpcConfigArgs(
            subnet_ids=[subnet.id for subnet in self._args.network.control],
            endpoint_private_access=True,
            endpoint_public_access=bool(ranges),
            public_access_cidrs=ranges or None,
        )

    def _identity_provider(self) -> None:
        """For charts that know only IAM roles for service accounts; ours use Pod Identity."""
        issuer = self.cluster.identities.apply(_issuer)
        aws.iam.OpenIdConnectProvider(
            f"{self._name}-oidc", url=issuer, client_id_lists=["sts.amazonaws.com"], opts=self._inside
        )

    def _kubernetes(self, entries: list[pulumi.Resource]) -> k8s.Provider:
        cluster = self.cluster
        config = pulumi.Output.json_dumps(
            kubeconfig(
                context=self._args.environment,
                cluster=self._args.environment,
                region=self._args.settings.region,
                endpoint=cluster.endpoint,
                ca=cluster.certificate_authority.apply(_data),
            )
        )
        # All that is in the cluster goes before the entries that let it be reached (terraform-aws-eks#3005).
        opts = pulumi.ResourceOptions(parent=self, depends_on=[cluster, *entries])
        return k8s.Provider(f"{self._name}-kubernetes", kubeconfig=config, enable_server_side_apply=True, opts=opts)


def _issuer(identities: "Sequence[aws.eks.outputs.ClusterIdentity] | None") -> str:
    """Empty if there is no cluster behind it, as when a program is only recorded."""
    return (identities[0].oidcs or [])[0].issuer or "" if identities else ""


def _data(authority: "aws.eks.outputs.ClusterCertificateAuthority | None") -> str:
    return authority.data or "" if authority else ""
