"""Takes what an interrupted update may have created into the state, so that nothing is orphaned.

The engine keeps a creation whose end it never saw as a pending operation, for a user to look into. We need not ask:
creating a Kubernetes object is an upsert under server-side apply and its identity follows from its inputs, and a
simulated cloud knows what was made in it. The object enters the state as created but not ready: the next `up` updates
it, which makes it if it is missing; `destroy` deletes it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cnai.engine.state.journal import Kind, Replay
from cnai.engine.state.secrets import revealed
from cnai.engine.vault import Vault

Json = dict[str, Any]
INTERRUPTED = "the update that was creating it was interrupted"


@dataclass(frozen=True)
class Existing:
    """Something that exists outside of the state."""

    id: str
    outputs: Json


Inventory = Callable[[str, str], Sequence[Existing] | None]
"""All that was made under a type and a URN and exists, the oldest first; None where such types are not looked after."""


def no_inventory(token: str, urn: str) -> None:
    """Of real clouds nobody knows what a creation led to that was never heard of again."""
    del token, urn


@dataclass(frozen=True)
class Adoption:
    """What helps to settle the creations that were left open."""

    vault: Vault | None = None
    """Reads names that the program keeps secret."""
    inventory: Inventory = no_inventory

    def settle(self, replay: Replay) -> None:
        """Ends every creation of `replay` that was left open and whose outcome can be told."""
        for operation_id, entry in list(replay.begun.items()):
            operation = entry.get("operation") or {}
            if operation.get("type") == "creating" and (ending := self._ending(replay, operation["resource"])):
                replay.add({"operationID": operation_id} | ending)

    def _ending(self, replay: Replay, state: Json) -> Json | None:
        failure: Json = {"kind": Kind.FAILURE}
        if not state.get("custom") or state["type"].startswith("pulumi:providers:"):
            # Components and provider resources exist in the state alone: the next update makes them anew.
            return failure
        if identity := self._kubernetes_id(state):
            return _created(replay, state, Existing(identity, state.get("inputs") or {}))
        made = self.inventory(state["type"], state["urn"])
        if made is None:
            return None
        known = {each.get("id") for each in replay.resources() if each["urn"] == state["urn"]}
        fresh = [each for each in made if each.id not in known]
        return _created(replay, state, fresh[-1]) if fresh else failure

    def _kubernetes_id(self, state: Json) -> str | None:
        """`NAMESPACE/NAME` or `NAME`, as the provider would have called it; None where that cannot be told."""
        if not state["type"].startswith("kubernetes:"):
            return None
        inputs: Json = state.get("inputs") or {}
        named = inputs if state["type"] == "kubernetes:helm.sh/v3:Release" else inputs.get("metadata")
        named = revealed(named, self.vault)
        if not isinstance(named, dict):
            return None
        name, namespace = (revealed(named.get(key), self.vault) for key in ("name", "namespace"))
        secret_namespace = named.get("namespace") is not None and namespace is None
        if not isinstance(name, str) or secret_namespace or not isinstance(namespace, str | None):
            return None
        return f"{namespace}/{name}" if namespace else name


def _created(replay: Replay, state: Json, made: Existing) -> Json:
    adopted = {**state, "id": made.id, "outputs": made.outputs, "initErrors": [INTERRUPTED]}
    entry: Json = {"kind": Kind.SUCCESS, "state": adopted}
    for index, old in enumerate(replay.base.get("resources") or []):
        if old["urn"] == state["urn"] and index not in replay.base_removed and not old.get("delete"):
            entry["deleteOld"] = index
    return entry
