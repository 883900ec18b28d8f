"""Whether an existing object has everything that is wanted of it."""

from collections.abc import Mapping
from typing import Any, cast


def covers(current: Any, wanted: Any) -> bool:
    """Extra fields, such as a cloud's defaults, are ignored; lists are compared in order."""
    if isinstance(wanted, Mapping):
        here, there = cast("Mapping[str, Any]", wanted), cast("Mapping[str, Any]", current)
        return isinstance(current, Mapping) and all(covers(there.get(key), each) for key, each in here.items())
    if isinstance(wanted, list):
        here, there = cast("list[Any]", wanted), cast("list[Any]", current)
        return isinstance(current, list) and len(there) == len(here) and all(map(covers, there, here))
    return bool(current == wanted)
