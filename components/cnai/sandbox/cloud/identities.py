"""Azure's one change of shape: user-assigned identities go in as a list of ids, and come out with what each is."""

from collections.abc import Mapping
from typing import Any, cast

from cnai.plugin.values import UNKNOWN, Computed, contains, plain
from cnai.sandbox.cloud.account import Account

TOKEN = "azure-native:managedidentity:UserAssignedIdentity"


def reshaped(account: Account, outputs: dict[str, Any]) -> dict[str, Any]:
    """Outputs as the provider gives them; those of other clouds as they are."""
    identity = outputs.get("identity")
    if account.package != "azure-native" or not isinstance(identity, dict):
        return outputs
    given = cast("dict[str, Any]", identity).get("userAssignedIdentities")
    if not isinstance(given, list):
        return outputs
    return {**outputs, "identity": {**identity, "userAssignedIdentities": _known(account, cast("list[Any]", given))}}


def _known(account: Account, ids: list[Any]) -> Mapping[str, Any] | Computed:
    if contains(ids, Computed):
        return UNKNOWN
    return {each: _identity(account, each) for each in plain(ids)}


def _identity(account: Account, given: str) -> dict[str, Any]:
    found = account.store.get(TOKEN, given)
    return {key: found.outputs[key] for key in ("principalId", "clientId")} if found else {}
