"""Versions, ranges of them, how a program tells its own, and the machine that it runs on."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass

from cnai.errors import UserError

Version = tuple[int, ...]


def parsed(version: str) -> Version | None:
    """A version as numbers; None for what is no plain release (a release candidate, `devel`)."""
    parts = version.removeprefix("v").split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else None


@dataclass(frozen=True)
class Range:
    """Versions from `start` (included) up to `below` (excluded; None: no bound)."""

    start: str
    below: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, str]) -> "Range":
        return cls(row["from"], row.get("below"))

    def admits(self, version: str) -> bool:
        number, start = parsed(version), parsed(self.start)
        below = parsed(self.below) if self.below else None
        return number is not None and start is not None and start <= number and (below is None or number < below)

    def __str__(self) -> str:
        return f">= {self.start}" + (f", < {self.below}" if self.below else "")


@dataclass(frozen=True)
class Probe:
    """How a program tells its version: arguments, and a pattern whose first group is the version."""

    arguments: tuple[str, ...]
    pattern: str


@dataclass(frozen=True)
class Host:
    """The machine as Go names it: `linux` or `darwin`, `amd64` or `arm64`."""

    os: str
    arch: str

    def __str__(self) -> str:
        return f"{self.os}-{self.arch}"

    @classmethod
    def current(cls) -> "Host":
        system, machine = platform.system().lower(), platform.machine().lower()
        arch = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(machine)
        if system not in ("linux", "darwin") or arch is None:
            raise UserError(
                f"this machine is {system} on {machine}: the sandbox runs on Linux or macOS, x86-64 or arm64"
            )
        return cls(system, arch)
