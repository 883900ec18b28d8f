"""Takes what an interrupted update may have created into the state, so that nothing is orphaned in the cluster.

The engine keeps a creation whose end it never saw as a pending operation, for a user to look into. Creating a
Kubernetes object is an upsert under server-side apply and its identity follows from its inputs, so we need not ask: the
object enters the state as created but not ready. The next `up` updates it, which makes it if it is missing; `destroy`
deletes it.
"""

from typing import Any

from cnai.engine.state.journal import Kind, Replay

Json = dict[str, Any]
INTERRUPTED = "the update that was creating it was interrupted"


def adopt(replay: Replay) -> None:
    """Ends every creation of `replay` that was left open and whose identity is known."""
    for operation_id, entry in list(replay.begun.items()):
        operation = entry.get("operation") or {}
        if operation.get("type") != "creating":
            continue
        state: Json = operation["resource"]
        if not state.get("custom") or state["type"].startswith("pulumi:providers:"):
            # Components and provider resources exist in the state alone: the next update makes them anew.
            replay.add({"kind": Kind.FAILURE, "operationID": operation_id})
        elif identity := kubernetes_id(state):
            replay.add(_created(replay, operation_id, state, identity))


def kubernetes_id(state: Json) -> str | None:
    """`NAMESPACE/NAME` or `NAME`, as the provider would have called it; None where that cannot be told."""
    if not state["type"].startswith("kubernetes:"):
        return None
    inputs: Json = state.get("inputs") or {}
    named = inputs if state["type"] == "kubernetes:helm.sh/v3:Release" else inputs.get("metadata")
    if not isinstance(named, dict):
        return None
    name, namespace = named.get("name"), named.get("namespace")
    if not isinstance(name, str) or not (namespace is None or isinstance(namespace, str)):
        return None
    return f"{namespace}/{name}" if namespace else name


def _created(replay: Replay, operation_id: int, state: Json, identity: str) -> Json:
    adopted = {**state, "id": identity, "outputs": state.get("inputs") or {}, "initErrors": [INTERRUPTED]}
    entry: Json = {"kind": Kind.SUCCESS, "operationID": operation_id, "state": adopted}
    for index, old in enumerate(replay.base.get("resources") or []):
        if old["urn"] == state["urn"] and index not in replay.base_removed and not old.get("delete"):
            entry["deleteOld"] = index
    return entry
