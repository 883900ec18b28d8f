"""Which of our chart values a chart does not know: a key that it ignores is the worst of bugs."""

from collections.abc import Iterator, Mapping
from typing import Any

OPEN = frozenset(
    {
        *("nodeSelector", "labels", "annotations", "requests", "limits", "matchLabels"),
        *("securityContext", "containerSecurityContext", "podSecurityContext"),
    }
)
"""Kubernetes' own maps: any key goes, whatever the chart's default has in them."""
RESOURCES = {"requests", "limits"}


def unknown(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Paths of ours that upstream's values lack. What is empty there (`{}`, `[]`, null) is free for all below it."""
    if theirs is None or theirs == {} or path.rpartition(".")[2] in OPEN:
        return
    if isinstance(ours, Mapping):
        if not isinstance(theirs, Mapping):
            yield f"{path}: a mapping where the chart has {theirs!r}"
            return
        for key, value in ours.items():
            inner = f"{path}.{key}".lstrip(".")
            if key in theirs:
                yield from unknown(value, theirs[key], inner)
            elif key not in RESOURCES or not RESOURCES & set(theirs):
                yield inner
    elif isinstance(ours, list) != isinstance(theirs, list):
        yield f"{path}: {ours!r} where the chart has {theirs!r}"
