"""A program out of upstream's own container image: manifest and layers by digest, and no container runtime."""

import struct
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnai.toolchain.layers import LayerError, View, take
from cnai.toolchain.reach import Refused
from cnai.toolchain.registry import Registry, RegistryError, Repository
from cnai.toolchain.sources import Image, Tool
from cnai.toolchain.versions import Host

MAX_DOWNLOAD = 2 << 30
ELF_MACHINES = {"amd64": 0x3E, "arm64": 0xB7}
PT_INTERP = 3


@dataclass(frozen=True)
class Taken:
    """Where a program came from, as exactly as can be said."""

    reference: str
    """`repository:tag@digest`; the digest is of the manifest for this machine."""
    pinned: bool
    """Whether tools.toml named the digest; else the tag was believed."""


def has_image(tool: Tool, host: Host) -> bool:
    """Containers are Linux: what lies in an image runs nowhere else."""
    image = tool.source.image
    return image is not None and tool.name in image.programs and host.os == "linux"


def registry_url(tool: Tool) -> str:
    return Repository.of(_image(tool).repository).root


def fetch(tool: Tool, host: Host, staged: Path) -> Taken:
    """Puts the image's program into `staged`; raises `Refused`."""
    image = _image(tool)
    tag, pin = tool.filled(image.tag, host), image.digests.get(host.arch)
    name = f"{image.repository}:{tag}"
    try:
        with Registry(Repository.of(image.repository)) as registry:
            digest, manifest = _manifest(registry, pin or tag, host)
            _extract(registry, manifest, image.programs[tool.name], staged / tool.name)
        _judge(staged / tool.name, host)
    except (RegistryError, LayerError) as error:
        raise Refused(f"the image {name}: {error}") from error
    return Taken(f"{name}@{digest}", pinned=pin is not None)


def _manifest(registry: Registry, reference: str, host: Host) -> tuple[str, dict[str, Any]]:
    """The one for this machine; an index leads to it."""
    digest, document = registry.manifest(reference)
    if "manifests" not in document:
        return digest, document
    with _well_formed():
        platforms = [(str(row["digest"]), _platform(row)) for row in document["manifests"]]
    for found, platform in platforms:
        if platform == f"{host.os}/{host.arch}":
            return registry.manifest(found)
    has = ", ".join(sorted({platform for _, platform in platforms})) or "nothing"
    raise RegistryError(f"it is not made for {host.os}/{host.arch}, only for {has}")


def _platform(row: Mapping[str, Any]) -> str:
    platform: Mapping[str, str] = row.get("platform") or {}
    return f"{platform.get('os')}/{platform.get('architecture')}"


@contextmanager
def _well_formed() -> Generator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RegistryError(f"its manifest is malformed ({error!r})") from error


def _extract(registry: Registry, manifest: Mapping[str, Any], path: str, program: Path) -> None:
    """Layers from the top down, and no further than the program's."""
    with _well_formed():
        layers = [(str(row["digest"]), int(row["size"])) for row in manifest["layers"]]
    if (total := sum(size for _, size in layers)) > MAX_DOWNLOAD:
        raise RegistryError(f"its layers are {total >> 20} MiB: more than is reasonable for one program")
    view = View()
    with tempfile.TemporaryDirectory(prefix=".layers-", dir=program.parent) as folder:
        for digest, size in reversed(layers):
            layer = Path(folder) / digest.replace(":", "-")
            registry.blob(digest, size, layer)
            view.add(layer)
            if entry := view.find(path):
                take(entry, program)
                return
    raise LayerError(f"none of its layers has {path}")


def _judge(program: Path, host: Host) -> None:
    """A program runs outside its image only if it is for this machine and needs none of the image's libraries."""
    with program.open("rb") as file:
        head = file.read(64)
        if len(head) < 64 or not head.startswith(b"\x7fELF\x02\x01"):
            raise LayerError("what it has there is no 64-bit Linux program")
        (machine,) = struct.unpack_from("<H", head, 18)
        (offset,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        file.seek(offset)
        headers = file.read(size * count)
    if machine != ELF_MACHINES[host.arch]:
        raise LayerError(f"its program is not for {host.arch}")
    if any(struct.unpack_from("<I", headers, at)[0] == PT_INTERP for at in range(0, len(headers) - 3, size or 1)):
        raise LayerError("its program needs libraries that only the image has")


def _image(tool: Tool) -> Image:
    if tool.source.image is None:
        raise ValueError(f"{tool.name} has no image")
    return tool.source.image
