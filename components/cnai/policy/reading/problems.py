"""What could not be read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    source: str
    reason: str
    rendering: bool = False
    """It would have to be rendered first; `--allow-unrendered` lets that be."""
