"""What an environment's control plane remembers between runs: its ports, and which configuration it was made with."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cnai.files import write_atomically

NAME = "controlplane.json"


@dataclass(frozen=True)
class PlaneState:
    ports: Mapping[str, int] = field(default_factory=dict[str, int])
    fingerprint: str = ""
    """Of the configuration that kwokctl finished creating the cluster with; empty while it has not."""

    @classmethod
    def load(cls, root: Path) -> "PlaneState":
        """An empty one where there is none, or where it is damaged: everything in it can be made again."""
        try:
            found: dict[str, Any] = json.loads((root / NAME).read_text())
            ports = {str(name): int(port) for name, port in found["ports"].items()}
            return cls(ports, str(found["fingerprint"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def save(self, root: Path) -> None:
        write_atomically(root / NAME, json.dumps(asdict(self)))
