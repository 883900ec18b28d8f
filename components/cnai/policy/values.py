"""The one adapter: what the policy SDK hands in, as plain values with a mark for what is not known."""

from collections.abc import Mapping, Sequence
from typing import Any, cast


class Unknown:
    """A value that is not known before the update runs."""

    __slots__ = ("sentinel",)

    def __init__(self, sentinel: str = "") -> None:
        self.sentinel = sentinel
        """The SDK's own mark, for handing the value back."""

    def __repr__(self) -> str:
        return "unknown"

    def __copy__(self) -> "Unknown":
        return self

    def __deepcopy__(self, memo: Any) -> "Unknown":
        return self


UNKNOWN = Unknown()
SENTINELS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""How Pulumi's wire format marks an unknown text, truth value, number, list, asset, archive and object."""


def plain(value: Any) -> Any:
    """Proxies, secrets and unknowns unwrapped. Whole numbers are whole again: the wire knows only floats.

    The SDK says no longer what was secret once it validates: that is why messages never show a value of a preview.
    """
    if isinstance(value, str):
        return Unknown(value) if value in SENTINELS else value
    if value is None or isinstance(value, bool | int | Unknown):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        inside = _target(value)
        return {str(key): plain(each) for key, each in inside.items()}
    if isinstance(value, Sequence):
        return [plain(each) for each in cast("Sequence[Any]", _target(value))]
    if type(value).__name__ == "Secret" and hasattr(value, "value"):
        return plain(value.value)
    return Unknown()


def _target(value: Any) -> Any:
    """The SDK's proxies raise at the first unknown value read through them; this is what they wrap."""
    while not isinstance(value, dict | list | tuple):
        try:
            value = value["__target"]
        except (KeyError, TypeError, IndexError):
            return value
    return value


def rewrapped(changed: Any, original: Any) -> Any:
    """Plain values back in the SDK's own: what was secret stays secret, what was unknown keeps its mark."""
    if type(original).__name__ == "Secret" and hasattr(original, "value"):
        return type(original)(rewrapped(changed, original.value))
    if isinstance(changed, Unknown):
        return changed.sentinel or original
    original = (
        _target(original) if isinstance(original, Mapping | Sequence) and not isinstance(original, str) else original
    )
    if isinstance(changed, Mapping):
        inside = cast("Mapping[str, Any]", original) if isinstance(original, Mapping) else {}
        return {key: rewrapped(value, inside.get(key)) for key, value in changed.items()}
    if isinstance(changed, list):
        others = list(original) if isinstance(original, list | tuple) else []
        others += [None] * (len(changed) - len(others))
        return [rewrapped(value, other) for value, other in zip(changed, others, strict=False)]
    return changed
