"""What tools.toml says, typed: sources (Go modules, releases) and the tools that come from them."""

import hashlib
import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cnai.errors import UserError

HERE = Path(__file__).parent

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


@dataclass(frozen=True, kw_only=True)
class Release:
    """Templates of an official download and of the document with its checksum."""

    systems: tuple[str, ...]
    url: str
    checksum: str
    member: str | None = None
    """The program's path inside the archive; None: what is downloaded is the program."""
    machines: Mapping[str, str]
    """Go's architecture names to upstream's, where they differ."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """Data that a module carries: copied `files` (a glob), or the `kinds` that a kustomization renders."""

    into: str
    files: str | None = None
    kustomize: str | None = None
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """One upstream: a Go module at a version, its programs, and what else supplies them."""

    name: str
    module: str
    version: str
    packages: Mapping[str, str]
    ldflags: tuple[str, ...]
    probe: Probe | None
    on_path: Range | None
    release: Release | None
    share: tuple[Share, ...]
    minutes: float

    @property
    def folder(self) -> Path:
        """Where its go.mod and go.sum are."""
        return HERE / "modules" / self.name

    @property
    def edition(self) -> str:
        """The version, with a digest of our own program where the source is one: two such never share a slot."""
        own = sorted(self.folder.glob("*.go"))
        if not own:
            return self.version
        digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in own))
        return f"{self.version}+{digest.hexdigest()[:8]}"

    @property
    def go(self) -> str:
        """The oldest Go that its go.mod builds with."""
        lines = (self.folder / "go.mod").read_text(encoding="utf-8").splitlines()
        return next(line.removeprefix("go ") for line in lines if line.startswith("go "))

    @property
    def words(self) -> dict[str, str]:
        numbers = self.version.split(".")
        return {"version": self.version, "major": numbers[0], "minor": numbers[1]}


@dataclass(frozen=True)
class Tool:
    name: str
    source: Source

    def filled(self, template: str, host: Host) -> str:
        """A template with this tool's and every source's words."""
        release = self.source.release
        arch = release.machines.get(host.arch, host.arch) if release else host.arch
        others = {name: SimpleNamespace(**source.words) for name, source in sources().items()}
        return template.format(**others, **self.source.words, os=host.os, arch=arch, tool=self.name)


@dataclass(frozen=True)
class GoWheel:
    version: str
    sha256: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class GoPin:
    """The Go that builds: what PATH may offer, else a wheel."""

    accepted: Range
    package: str
    wheels: tuple[GoWheel, ...]
    """The oldest first."""

    def wheel_for(self, accepted: Range) -> GoWheel:
        return next(wheel for wheel in self.wheels if accepted.admits(wheel.version))


@dataclass(frozen=True, kw_only=True)
class WheelPin:
    """A tool that a wheel of our own requirements brings."""

    wheel: str
    accepted: Range
    probe: Probe


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads((HERE / "tools.toml").read_text(encoding="utf-8"))


@cache
def sources() -> dict[str, Source]:
    return {name: _source(name, row) for name, row in _document()["source"].items()}


@cache
def tools() -> dict[str, Tool]:
    """Every tool that a Go module builds, by name (kubectl is a wheel: `kubectl_pin`)."""
    return {name: Tool(name, source) for source in sources().values() for name in source.packages}


def go_pin() -> GoPin:
    row = _document()["go"]
    return GoPin(
        accepted=Range.of(row),
        package=row["wheel"],
        wheels=tuple(GoWheel(wheel["version"], tuple(wheel["sha256"])) for wheel in row["wheels"]),
    )


def kubectl_pin() -> WheelPin:
    row = _document()["kubectl"]
    return WheelPin(wheel=row["wheel"], accepted=Range.of(row), probe=_probe(row["probe"]))


def _source(name: str, row: dict[str, Any]) -> Source:
    release = row.get("release")
    return Source(
        name=name,
        module=row["module"],
        version=row["version"],
        packages=row["packages"],
        ldflags=tuple(row.get("ldflags", ())),
        probe=_probe(row["probe"]) if "probe" in row else None,
        on_path=Range.of(row["on_path"]) if "on_path" in row else None,
        release=_release(release) if release else None,
        share=tuple(_share(share) for share in row.get("share", ())),
        minutes=row["minutes"],
    )


def _release(row: dict[str, Any]) -> Release:
    machines = row.get("machines", {})
    systems = tuple(row["systems"])
    return Release(
        systems=systems, url=row["url"], checksum=row["checksum"], member=row.get("member"), machines=machines
    )


def _share(row: dict[str, Any]) -> Share:
    kinds = tuple(row.get("kinds", ()))
    return Share(into=row["into"], files=row.get("files"), kustomize=row.get("kustomize"), kinds=kinds)


def _probe(row: dict[str, Any]) -> Probe:
    return Probe(tuple(row["arguments"]), row["pattern"])
