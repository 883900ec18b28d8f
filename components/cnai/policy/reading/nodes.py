"""What a YAML document comes to before anything is built of it: how large, how deep, and which keys stand twice."""

from dataclasses import dataclass, field
from typing import Any

import yaml

DEEPEST = 500
MANY, RATIO = 100_000, 10
"""Values that a document may have whatever it is made of; above that, at most so many for each that it says."""
_MERGE = "tag:yaml.org,2002:merge"


class Expanding(ValueError):
    """Aliases that make much of little, or that lead back to themselves."""


@dataclass
class Measure:
    """Follows aliases, and none of them twice."""

    doubled: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """(line, key) of keys that stand twice in one mapping."""
    _said: int = 0
    _done: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """Node -> (values in it, levels of it)."""
    _open: set[int] = field(default_factory=set[int])

    @classmethod
    def of(cls, document: Any) -> "Measure":
        """Raises `Expanding`, and `RecursionError` for what is too deep."""
        made = cls()
        size, depth = made._node(document)
        if depth > DEEPEST:
            raise RecursionError
        if size > max(MANY, RATIO * made._said):
            raise Expanding(f"its aliases expand {made._said:,} values to {size:,}")
        return made

    def _node(self, node: Any) -> tuple[int, int]:
        if id(node) in self._open:
            raise Expanding("an alias refers to a value that contains it")
        if id(node) not in self._done:
            self._said += 1
            self._open.add(id(node))
            inside = [self._node(each) for each in self._inside(node)]
            self._open.discard(id(node))
            size, depth = sum(one[0] for one in inside), max((one[1] for one in inside), default=0)
            self._done[id(node)] = (1 + size, 1 + depth)
        return self._done[id(node)]

    def _inside(self, node: Any) -> list[Any]:
        if isinstance(node, yaml.ScalarNode):
            return []
        if not isinstance(node, yaml.MappingNode):
            return list(node.value)
        self.doubled += doubled_keys(node)
        return [each for pair in node.value for each in pair]


def doubled_keys(node: Any) -> list[tuple[int, str]]:
    """Merge keys may stand as often as they like."""
    seen, found = set[tuple[str, str]](), list[tuple[int, str]]()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
            if (key.tag, key.value) in seen:
                found.append((key.start_mark.line + 1, key.value))
            seen.add((key.tag, key.value))
    return found
