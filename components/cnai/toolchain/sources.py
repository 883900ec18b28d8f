"""What tools.toml says, typed: sources (releases, container images, Go modules) and the tools that come from them."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cnai.toolchain.versions import Host, Probe, Range

HERE = Path(__file__).parent


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
class Image:
    """Upstream's own container image, and where the programs lie in it."""

    repository: str
    tag: str
    programs: Mapping[str, str]
    """Tool -> its path in the image."""
    digests: Mapping[str, str]
    """Architecture -> the digest of its manifest; where one is missing, the tag's is taken and written down."""


@dataclass(frozen=True, kw_only=True)
class Archive:
    """The module's files as its repository serves them, for who has no Go."""

    url: str
    sum: str
    """What go.sum says of the module: a hash over all its files, so any archive of them can be checked by it."""


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
    """Tool -> the Go package that builds it; empty where only an image has the program."""
    ldflags: tuple[str, ...]
    probe: Probe | None
    on_path: Range | None
    release: Release | None
    image: Image | None
    archive: Archive | None
    share: tuple[Share, ...]
    repointed: Mapping[str, str]
    """Folder that is fixed inside its programs -> where they find it here."""
    minutes: float
    tier: str
    """The tier of tests that needs it; empty where it is part of the base set, which every sandbox test may need."""

    @property
    def folder(self) -> Path:
        """Where its go.mod and go.sum are."""
        return HERE / "modules" / self.name

    @property
    def programs(self) -> tuple[str, ...]:
        """Every tool that comes from here."""
        return tuple(dict.fromkeys([*self.packages, *(self.image.programs if self.image else ())]))

    @property
    def edition(self) -> str:
        """The version, with a digest of what is our own in its programs: two such never share a slot."""
        own = [file.read_bytes() for file in sorted(self.folder.glob("*.go"))]
        own += [f"{old} {new}".encode() for old, new in sorted(self.repointed.items())]
        if not own:
            return self.version
        digest = hashlib.sha256(b"\0".join(own))
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
    """Every tool by name, but for kubectl, which is a wheel: `kubectl_pin`."""
    return {name: Tool(name, source) for source in sources().values() for name in source.programs}


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
    module, version = row["module"], row["version"]
    return Source(
        name=name,
        module=module,
        version=version,
        packages=row.get("packages", {}),
        ldflags=tuple(row.get("ldflags", ())),
        probe=_probe(row["probe"]) if "probe" in row else None,
        on_path=Range.of(row["on_path"]) if "on_path" in row else None,
        release=_release(row["release"]) if "release" in row else None,
        image=_image(row["image"]) if "image" in row else None,
        archive=_archive(name, f"{module} v{version} ", row["archive"]) if "archive" in row else None,
        share=tuple(_share(share) for share in row.get("share", ())),
        repointed=row.get("repointed", {}),
        minutes=row.get("minutes", 0),
        tier=row.get("tier", ""),
    )


def _image(row: dict[str, Any]) -> Image:
    return Image(repository=row["repository"], tag=row["tag"], programs=row["programs"], digests=row.get("digests", {}))


def _archive(source: str, line: str, row: dict[str, str]) -> Archive:
    if "sum" in row:
        return Archive(url=row["url"], sum=row["sum"])
    lines = (HERE / "modules" / source / "go.sum").read_text(encoding="utf-8").splitlines()
    return Archive(url=row["url"], sum=next(found.removeprefix(line) for found in lines if found.startswith(line)))


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
