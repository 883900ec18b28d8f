"""What a few types are in the control plane: a cluster, or a group of nodes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cnai.plugin.errors import ProviderError
from cnai.plugin.values import plain
from cnai.sandbox.cloud import aws_groups, azure_groups, classes, gcp_groups
from cnai.sandbox.cloud.account import Account
from cnai.sandbox.cloud.groups import Group, remove, settle
from cnai.sandbox.cloud.refusals import words

Groups = Callable[[Account, Mapping[str, Any], Mapping[str, Any]], Iterator[Group]]
GROUPS: Mapping[str, Groups] = {
    "aws:eks/nodeGroup:NodeGroup": aws_groups.groups,
    "gcp:container/nodePool:NodePool": gcp_groups.groups,
    "azure-native:containerservice:AgentPool": azure_groups.pool,
    "azure-native:containerservice:ManagedCluster": azure_groups.profiles,
}
CLUSTERS = frozenset(
    {"aws:eks/cluster:Cluster", "gcp:container/cluster:Cluster", "azure-native:containerservice:ManagedCluster"}
)
NODES_S = 600.0
"""How long nodes may take where the program sets no timeout."""


def is_group(token: str) -> bool:
    return token in GROUPS


def groups(account: Account, token: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> list[Group]:
    if token not in GROUPS:
        return []
    return list(GROUPS[token](account, plain(dict(inputs)), plain(dict(outputs))))


def arrive(
    account: Account, urn: str, token: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any], timeout_s: float
) -> None:
    """After the resource is there: what the control plane has of it. `ProviderError` where nodes do not come."""
    if token in CLUSTERS:
        classes.install(account.api.kube, account.known["cloud"])
    for group in groups(account, token, inputs, outputs):
        _refuse_what_is_lacking(account, group)
        settle(account.api.kube, group, timeout_s or NODES_S, lambda said: account.host.status(urn, said))


def shrink(
    account: Account, token: str, before: list[Group], inputs: Mapping[str, Any], outputs: Mapping[str, Any]
) -> None:
    """Takes away the groups that an update no longer has."""
    kept = {group.name for group in groups(account, token, inputs, outputs)}
    for group in before:
        if group.name not in kept:
            remove(account.api.kube, group, NODES_S)


def leave(account: Account, token: str, gone: list[Group], timeout_s: float) -> None:
    for group in gone:
        remove(account.api.kube, group, timeout_s or NODES_S)
    if token in CLUSTERS:
        classes.remove(account.api.kube, account.known["cloud"])


def _refuse_what_is_lacking(account: Account, group: Group) -> None:
    if group.desired and account.faults.lacking(group.machine, group.zones, group.capacity):
        zones = ", ".join(group.zones)
        raise ProviderError(words(account.package, "capacity", machine=group.machine, zone=zones))
