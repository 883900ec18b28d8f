"""Requests of several containers added up, written as people write them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from cnai.quantities import amount

_MILLI = Decimal("0.001")
_BINARY = {"Gi": Decimal(1024**3), "Mi": Decimal(1024**2), "Ki": Decimal(1024)}


def total(requests: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """By resource; what one container alone asks for keeps its own spelling."""
    asked: dict[str, list[str]] = {}
    for each in requests:
        for name, value in each.items():
            asked.setdefault(name, []).append(str(value))
    return {name: given[0] if len(given) == 1 else _sum(given) for name, given in sorted(asked.items())}


def _sum(quantities: Iterable[str]) -> str:
    added = sum(map(amount, quantities), Decimal(0))
    for suffix, unit in _BINARY.items():
        if added >= unit and added % unit == 0:
            return f"{added // unit}{suffix}"
    return str(int(added)) if added % 1 == 0 else f"{int(added / _MILLI)}m"
