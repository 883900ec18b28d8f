"""Data sources: the functions that a program calls, answered from `tables/<package>-account.toml` or by code."""

from collections.abc import Callable, Mapping
from typing import Any

from cnai.plugin.errors import ProviderError
from cnai.plugin.values import plain
from cnai.sandbox.cloud.account import Account
from cnai.sandbox.cloud.tables import facts
from cnai.sandbox.cloud.templates import MISSING, at, filled

Function = Callable[[Account, Mapping[str, Any]], dict[str, Any]]
_FUNCTIONS: dict[str, Function] = {}


def function(token: str) -> Callable[[Function], Function]:
    def register(found: Function) -> Function:
        _FUNCTIONS[token] = found
        return found

    return register


def answer(account: Account, token: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Raises `ProviderError`, naming the function, where neither code nor table answers it."""
    args = plain(dict(given))
    if token in _FUNCTIONS:
        return {**args, **_FUNCTIONS[token](account, args)}
    templates = facts(account.package)["functions"].get(token)
    if templates is None:
        raise ProviderError(
            f"the simulated cloud does not answer {token}: it needs a row in "
            f"sandbox/cloud/tables/{account.package}-account.toml"
        )
    return {**filled(templates, account.facts(args, token)), **args}


def looked_up(account: Account, token: str, key: str, wanted: Any) -> dict[str, Any]:
    """The outputs of a resource of this sandbox whose `key` is `wanted`."""
    for record in account.store.all(token):
        if record.id == wanted or at(record.outputs, key) == wanted:
            return {**record.outputs, "id": record.id}
    raise ProviderError(f"{token}: there is none with {key} {wanted} in this sandbox")


@function("aws:index/getAvailabilityZones:getAvailabilityZones")
def availability_zones(account: Account, args: Mapping[str, Any]) -> dict[str, Any]:
    from cnai.clouds.aws.settings import regions  # here, since most programs name their zones

    names = regions().get(account.region, ())
    short = zone_prefix(account.region)
    ids = [f"{short}-az{number}" for number, _ in enumerate(names, 1)]
    left_out: set[str] = set(args.get("excludeNames") or ())
    kept = [(name, id_) for name, id_ in zip(names, ids, strict=True) if name not in left_out]
    return {
        "id": account.region,
        "names": [name for name, _ in kept],
        "zoneIds": [id_ for _, id_ in kept],
        "groupNames": [account.region],
    }


def zone_prefix(region: str) -> str:
    """`us-east-1` is `use1`, as in zone ids."""
    area, *direction, number = region.split("-")
    return area + "".join(part[0] for part in direction) + number


@function("aws:eks/getCluster:getCluster")
def eks_cluster(account: Account, args: Mapping[str, Any]) -> dict[str, Any]:
    return looked_up(account, "aws:eks/cluster:Cluster", "name", args["name"])


@function("aws:eks/getClusterAuth:getClusterAuth")
def eks_token(account: Account, args: Mapping[str, Any]) -> dict[str, Any]:
    del account
    return {"id": args["name"], "token": "k8s-aws-v1.sandbox"}


@function("gcp:compute/getZones:getZones")
def gcp_zones(account: Account, args: Mapping[str, Any]) -> dict[str, Any]:
    region = str(args.get("region") or account.region)
    from cnai.clouds.gcp.settings import regions

    return {"id": region, "names": list(regions().get(region, ())), "project": account.known["project"]}


@function("azure-native:containerservice:listManagedClusterUserCredentials")
def aks_user(account: Account, args: Mapping[str, Any]) -> dict[str, Any]:
    return _aks_credentials(account, args, "clusterUser")


@function("azure-native:containerservice:listManagedClusterAdminCredentials")
def aks_admin(account: Account, args: Mapping[str, Any]) -> dict[str, Any]:
    return _aks_credentials(account, args, "clusterAdmin")


def _aks_credentials(account: Account, args: Mapping[str, Any], name: str) -> dict[str, Any]:
    import base64

    if at(args, "resourceName") is MISSING:
        raise ProviderError("listManagedCluster…Credentials: resourceName is required")
    looked_up(account, "azure-native:containerservice:ManagedCluster", "name", args["resourceName"])
    value = base64.b64encode(account.api.kubeconfig().encode()).decode()
    return {"kubeconfigs": [{"name": name, "value": value}]}
