"""Roles: for services, for pods through EKS Pod Identity, and who may enter the cluster."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from cnai.clouds.aws.documents import Document, trusts_pods, trusts_service
from cnai.clouds.aws.settings import Access

_ACCESS_POLICIES: Mapping[Access, str] = {
    "view": "AmazonEKSViewPolicy",
    "edit": "AmazonEKSEditPolicy",
    "admin": "AmazonEKSAdminPolicy",
}
CLUSTER_POLICIES = ("AmazonEKSClusterPolicy",)
NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonSSMManagedInstanceCore")
"""Not the CNI's: its own pods have that, and others on the node do not."""


def managed(policy: str) -> str:
    return f"arn:aws:iam::aws:policy/{policy}"


class Role(pulumi.ComponentResource):
    """An IAM role with its policies; who waits for `complete` may use all of them."""

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    complete: list[pulumi.Resource]

    def __init__(
        self,
        name: str,
        trust: Document,
        policies: Sequence[str] = (),
        inline: Document | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cnai:clouds:AwsRole", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(name, assume_role_policy=pulumi.Output.json_dumps(trust), opts=inside)
        self.arn, self.name, self.complete = role.arn, role.name, [role]
        for policy in policies:
            attached = f"{name}-{policy.rpartition('/')[2]}"
            self.complete.append(
                aws.iam.RolePolicyAttachment(attached, role=role.name, policy_arn=managed(policy), opts=inside)
            )
        if inline is not None:
            own = pulumi.Output.json_dumps(inline)
            self.complete.append(aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=own, opts=inside))
        self.register_outputs({"arn": self.arn})


def service_role(name: str, service: str, policies: Sequence[str], opts: pulumi.ResourceOptions) -> Role:
    return Role(name, trusts_service(service), policies, None, opts)


def pod_role(
    name: str,
    namespace: str,
    service_account: str,
    opts: pulumi.ResourceOptions,
    policies: Sequence[str] = (),
    inline: Document | None = None,
) -> Role:
    return Role(name, trusts_pods(namespace, service_account), policies, inline, opts)


def association(
    name: str,
    cluster: pulumi.Input[str],
    role: Role,
    namespace: str,
    service_account: str,
    opts: pulumi.ResourceOptions,
) -> aws.eks.PodIdentityAssociation:
    """The role for that service account's pods; they ask the Pod Identity agent of their node for it."""
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=role.complete))
    return aws.eks.PodIdentityAssociation(
        name,
        cluster_name=cluster,
        namespace=namespace,
        service_account=service_account,
        role_arn=role.arn,
        opts=after,
    )


def access_entries(
    name: str, cluster: pulumi.Input[str], access: Mapping[str, Access], opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """One entry for each principal, with EKS' own policy for the whole cluster."""
    made: list[pulumi.Resource] = []
    for principal, level in access.items():
        who = f"{name}-{principal.rpartition('/')[2]}"
        entry = aws.eks.AccessEntry(who, cluster_name=cluster, principal_arn=principal, opts=opts)
        policy = aws.eks.AccessPolicyAssociation(
            f"{who}-{level}",
            cluster_name=cluster,
            principal_arn=principal,
            policy_arn=f"arn:aws:eks::aws:cluster-access-policy/{_ACCESS_POLICIES[level]}",
            access_scope={"type": "cluster"},
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[entry])),
        )
        made += [entry, policy]
    return made
