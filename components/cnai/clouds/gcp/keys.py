"""Keys of the environment's own in Cloud KMS: one for Secrets, one for disks, one for what is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_gcp as gcp

from cnai.clouds.gcp.identity import Agent, service_agent
from cnai.clouds.gcp.options import inside

KeyUse = Literal["secrets", "disks", "storage"]
ROTATION = f"{90 * 24 * 3600}s"
USER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
USERS: Mapping[KeyUse, Sequence[Agent]] = {
    "secrets": ("container-engine-robot",),
    "disks": ("compute-system",),
    "storage": ("gs-project-accounts", "gcp-sa-artifactregistry"),
}
"""Which of Google's own accounts encrypt with each."""


@dataclass(frozen=True, kw_only=True)
class GcpKeysArgs:
    project: str
    number: int
    region: str
    disposable: bool = False


class GcpKeys(pulumi.ComponentResource):
    """A key ring, which Cloud KMS never deletes, with its keys and those of Google's accounts that use them."""

    ids: dict[KeyUse, pulumi.Output[str]]
    grants: list[pulumi.Resource]
    """Whatever is encrypted needs them for as long as it is there."""

    def __init__(self, name: str, args: GcpKeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:GcpKeys", name, {}, opts)
        self._name, self._args = name, args
        first, kept = inside(self, opts), inside(self, opts, protect=not args.disposable)
        ring = gcp.kms.KeyRing(name, location=args.region, opts=first)
        agent = gcp.projects.ServiceIdentity(
            f"{name}-registry-agent", project=args.project, service="artifactregistry.googleapis.com", opts=first
        )
        keys = {
            use: gcp.kms.CryptoKey(f"{name}-{use}", key_ring=ring.id, rotation_period=ROTATION, opts=kept)
            for use in USERS
        }
        self.ids = {use: keys[use].id for use in USERS}
        self.grants = [
            gcp.kms.CryptoKeyIAMMember(
                f"{name}-{use}-{who}",
                crypto_key_id=keys[use].id,
                role=USER,
                member=self._member(who),
                opts=inside(self, opts, agent),
            )
            for use, agents in USERS.items()
            for who in agents
        ]
        self.register_outputs({})

    def _member(self, who: Agent) -> pulumi.Input[str]:
        """Cloud Storage's own account comes to be when it is asked for."""
        member = service_agent(self._args.number, who)
        if who != "gs-project-accounts":
            return member
        found = gcp.storage.get_project_service_account_output(
            project=self._args.project, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        return found.apply(lambda _: member)
