"""The one adapter: what Pulumi hands in, as plain values with a mark for what is not known."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast


class Unknown:
    """A value that is not known before the update runs."""

    __slots__ = ("sentinel",)

    def __init__(self, sentinel: str = "") -> None:
        self.sentinel = sentinel
        """Pulumi's own mark, for handing the value back."""

    def __repr__(self) -> str:
        return "unknown"

    def __copy__(self) -> "Unknown":
        return self

    def __deepcopy__(self, memo: Any) -> "Unknown":
        return self


UNKNOWN = Unknown()
SECRET = "[secret]"
"""What stands for a text that Pulumi keeps secret where its value is not at hand, or must not be."""


class SecretText(str):
    """A text that Pulumi keeps secret: rules may look at it, and none may say it."""

    __slots__ = ()


_BUILT_IN = re.compile(r"""(?<=[=:@/'" ])\[secret\]""")
"""In a text that was built around one; a section of an INI file has nothing before it."""


def is_secret(text: str) -> bool:
    return isinstance(text, SecretText) or text == SECRET or _BUILT_IN.search(text) is not None


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


SIGNATURE, SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""How it marks special values, secrets among them:
https://pkg.go.dev/github.com/pulumi/pulumi/sdk/v3/go/common/resource/sig"""


def plain(value: Any) -> Any:
    """Secrets unwrapped, unknowns marked, assets unknown. Whole numbers are whole again: the wire knows only floats."""
    if isinstance(value, str):
        return Unknown(value) if value in SENTINELS else value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        inside = cast("Mapping[str, Any]", value)
        if _is_secret(inside):
            return _marked(plain(inside.get("value")))
        return UNKNOWN if SIGNATURE in inside else {str(key): plain(each) for key, each in inside.items()}
    if isinstance(value, Sequence):
        return [plain(each) for each in cast("Sequence[Any]", value)]
    return value


def _marked(value: Any) -> Any:
    """Every text in a secret is one."""
    if isinstance(value, str):
        return SecretText(value)
    if isinstance(value, dict):
        return {key: _marked(each) for key, each in cast("dict[str, Any]", value).items()}
    return [_marked(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value


def rewrapped(changed: Any, original: Any) -> Any:
    """Plain values back as `original` has them on the wire: what was secret stays secret, unknowns keep their mark."""
    if isinstance(original, Mapping):
        inside = cast("Mapping[str, Any]", original)
        if _is_secret(inside):
            return {**inside, "value": rewrapped(changed, inside.get("value"))}
        if isinstance(changed, Unknown):
            return inside
    if isinstance(changed, Unknown):
        return changed.sentinel or original
    if isinstance(changed, Mapping):
        before = cast("Mapping[str, Any]", original) if isinstance(original, Mapping) else {}
        return {key: rewrapped(value, before.get(key)) for key, value in cast("Mapping[str, Any]", changed).items()}
    if isinstance(changed, list):
        new = cast("list[Any]", changed)
        others = [*original] if isinstance(original, list) else []
        others += [None] * (len(new) - len(others))
        return [rewrapped(value, other) for value, other in zip(new, others, strict=False)]
    return changed


def _is_secret(value: Mapping[str, Any]) -> bool:
    return value.get(SIGNATURE) == SECRET_SIGNATURE
