"""A stack's exports, as its state has them."""

from typing import Any

from cnai.engine.state.secrets import is_secret

Json = dict[str, Any]
MASK = "[secret]"


def stack_outputs(untyped: Json) -> Json:
    """The outputs of the root stack in an `apitype.UntypedDeployment`; a secret, wherever it is, is `[secret]`."""
    for state in untyped["deployment"].get("resources") or []:
        if state["type"] == "pulumi:pulumi:Stack":
            return _masked(state.get("outputs") or {})
    return {}


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return MASK if is_secret(value) else {key: _masked(child) for key, child in value.items()}
    return [_masked(child) for child in value] if isinstance(value, list) else value
