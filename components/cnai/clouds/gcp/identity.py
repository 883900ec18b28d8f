"""Who may do what: nodes as little as they need, pods by their own service accounts, people by role."""

import hashlib
import re
from collections.abc import Mapping
from typing import Literal

import pulumi
import pulumi_gcp as gcp

from cnai.clouds.gcp.options import inside
from cnai.clouds.gcp.settings import Access

NODE_ROLE = "roles/container.defaultNodeServiceAccount"
"""Logs, metrics and what else GKE's own pods on a node write:
https://docs.cloud.google.com/kubernetes-engine/docs/how-to/hardening-your-cluster#use_least_privilege_sa"""
ACCESS_ROLES: Mapping[Access, str] = {
    "view": "roles/container.viewer",
    "edit": "roles/container.developer",
    "admin": "roles/container.admin",
}
_LONGEST_ACCOUNT = 30


def account_id(environment: str, role: str) -> str:
    """From 6 to 30 characters, starting with a letter; a long name is cut and made unique by a digest."""
    wanted = f"cnai-{environment}-{role}"
    if len(wanted) <= _LONGEST_ACCOUNT:
        return wanted
    digest = hashlib.sha256(environment.encode()).hexdigest()[:6]
    kept = wanted[: _LONGEST_ACCOUNT - len(role) - 8].rstrip("-")
    return f"{kept}-{digest}-{role}"


def workload_pool(project: str) -> str:
    return f"{project}.svc.id.goog"


def principal(project: str, number: int, namespace: str, service_account: str) -> str:
    """Pods of one service account, without a Google service account between.

    https://docs.cloud.google.com/kubernetes-engine/docs/how-to/workload-identity
    """
    pool = f"projects/{number}/locations/global/workloadIdentityPools/{workload_pool(project)}"
    return f"principal://iam.googleapis.com/{pool}/subject/ns/{namespace}/sa/{service_account}"


Agent = Literal["compute-system", "container-engine-robot", "gcp-sa-artifactregistry", "gs-project-accounts"]


def service_agent(number: int, kind: Agent) -> str:
    """Google's own account that works for the project."""
    return f"serviceAccount:service-{number}@{kind}.iam.gserviceaccount.com"


class GcpNodeIdentity(pulumi.ComponentResource):
    """The service account that nodes run as."""

    email: str
    member: str
    complete: list[pulumi.Resource]
    """What gives it its rights: they must outlive the nodes."""

    def __init__(self, name: str, project: str, environment: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:GcpNodeIdentity", name, {}, opts)
        short = account_id(environment, "nodes")
        self.email = f"{short}@{project}.iam.gserviceaccount.com"
        self.member = f"serviceAccount:{self.email}"
        account = gcp.serviceaccount.Account(
            name, account_id=short, display_name=f"Nodes of {environment}", opts=inside(self, opts)
        )
        after = inside(self, opts, account)
        role = gcp.projects.IAMMember(f"{name}-role", project=project, role=NODE_ROLE, member=self.member, opts=after)
        self.complete = [account, role]
        self.register_outputs({"email": self.email})


def grant_access(name: str, project: str, access: Mapping[str, Access], opts: pulumi.ResourceOptions) -> None:
    for member, level in access.items():
        who = re.sub(r"[^a-z0-9]+", "-", member.lower())
        gcp.projects.IAMMember(f"{name}-{who}", project=project, role=ACCESS_ROLES[level], member=member, opts=opts)
