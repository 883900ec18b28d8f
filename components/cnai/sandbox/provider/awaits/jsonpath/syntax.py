"""What a JSONPath query consists of, in the RFC's terms."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Wildcard:
    pass


@dataclass(frozen=True)
class Index:
    index: int


@dataclass(frozen=True)
class Slice:
    start: int | None
    stop: int | None
    step: int | None


@dataclass(frozen=True)
class Filter:
    test: "Logical"


Selector = Name | Wildcard | Index | Slice | Filter


@dataclass(frozen=True)
class Segment:
    selectors: tuple[Selector, ...]
    descendant: bool = False


@dataclass(frozen=True)
class Query:
    absolute: bool
    """From the document's root (`$`), else from the node that a filter looks at (`@`)."""
    segments: tuple[Segment, ...]

    @property
    def is_singular(self) -> bool:
        """Whether it can select one node at most."""
        return all(
            not segment.descendant and len(segment.selectors) == 1 and isinstance(segment.selectors[0], Name | Index)
            for segment in self.segments
        )


@dataclass(frozen=True)
class Value:
    value: Any


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple["Operand", ...]


Operand = Query | Value | Call


@dataclass(frozen=True)
class Comparison:
    left: Operand
    operator: str
    right: Operand


@dataclass(frozen=True)
class Holds:
    """A query that selects something, or a function that says yes."""

    of: Query | Call


@dataclass(frozen=True)
class Not:
    inner: "Logical"


@dataclass(frozen=True)
class And:
    parts: tuple["Logical", ...]


@dataclass(frozen=True)
class Or:
    parts: tuple["Logical", ...]


Logical = Comparison | Holds | Not | And | Or

Kind = Literal["value", "nodes", "logical"]
FUNCTIONS: dict[str, tuple[tuple[Kind, ...], Kind]] = {
    "length": (("value",), "value"),
    "count": (("nodes",), "value"),
    "value": (("nodes",), "value"),
    "match": (("value", "value"), "logical"),
    "search": (("value", "value"), "logical"),
}
"""What each function takes and gives."""
