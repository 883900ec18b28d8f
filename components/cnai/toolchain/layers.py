"""One file out of an image's layers, as a container would see it: with whiteouts, links, gzip and zstd."""

import gzip
import importlib
import posixpath
import tarfile
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, cast

MAX_UNPACKED = 4 << 30
"""Of one layer; a larger one is taken for an attack."""
MAX_ENTRIES = 500_000
MAX_LINKS = 40
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"


class LayerError(Exception):
    """A layer that cannot be read, or a file that no layer has."""


@dataclass(frozen=True)
class Entry:
    kind: Literal["file", "symlink", "folder", "other"]
    layer: Path
    name: str
    """As the archive spells it."""
    target: str = ""


@dataclass
class View:
    """What the layers read so far show; the topmost is read first, so what is there already wins."""

    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    removed: set[str] = field(default_factory=set[str])
    """Whited out by a layer above, with all below it."""
    emptied: set[str] = field(default_factory=set[str])
    """Folders whose content below was whited out (opaque)."""

    def add(self, layer: Path) -> None:
        own: dict[str, Entry] = {}
        removed, emptied = set[str](), set[str]()
        with opened(layer) as tar:
            for number, member in enumerate(tar):
                if number > MAX_ENTRIES:
                    raise LayerError(f"a layer of the image has more than {MAX_ENTRIES} entries")
                path = cleaned(member.name)
                folder, name = posixpath.split(path)
                if name == OPAQUE:
                    emptied.add(folder)
                elif name.startswith(WHITEOUT):
                    removed.add(posixpath.join(folder, name.removeprefix(WHITEOUT)))
                else:
                    own[path] = _entry(member, layer, own)
        shown = {path: entry for path, entry in own.items() if path not in self.entries and not self._hidden(path)}
        # Only now: a whiteout is for the layers below its own.
        self.entries |= shown
        self.removed |= removed
        self.emptied |= emptied

    def find(self, path: str) -> Entry | None:
        """The regular file at `path`, links followed; None where these layers do not have it."""
        wanted = cleaned(path)
        for _ in range(MAX_LINKS):
            wanted, entry = self._followed(wanted)
            if entry is None or entry.kind == "file":
                return entry
            if entry.kind != "symlink":
                raise LayerError(f"{path} in the image is no file")
        raise LayerError(f"{path} in the image is a link that leads round in circles")

    def _followed(self, path: str) -> tuple[str, Entry | None]:
        """One link further, be it the path's own or one of a folder on the way; else what is there."""
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            here = "/".join(parts[:end])
            entry = self.entries.get(here)
            if entry and entry.kind == "symlink":
                return cleaned(posixpath.join("/", posixpath.dirname(here), entry.target, *parts[end:])), entry
        return path, self.entries.get(path)

    def _hidden(self, path: str) -> bool:
        """By a layer above: whited out, or below something that is no folder there."""
        if path in self.removed:
            return True
        above = path
        while above:
            above = posixpath.dirname(above)
            covered = self.entries.get(above)
            if above in self.removed or above in self.emptied or (covered and covered.kind in ("file", "other")):
                return True
        return False


def cleaned(path: str) -> str:
    """Without leading `/` and `./`, and never above the root: `..` there is the root itself, as the kernel has it."""
    return posixpath.normpath(posixpath.join("/", path)).lstrip("/")


def _entry(member: tarfile.TarInfo, layer: Path, own: Mapping[str, Entry]) -> Entry:
    if member.islnk():
        linked = cleaned(member.linkname)
        return own.get(linked) or Entry("symlink", layer, member.name, f"/{linked}")
    kind = "file" if member.isreg() else "symlink" if member.issym() else "folder" if member.isdir() else "other"
    return Entry(kind, layer, member.name, member.linkname)


def take(entry: Entry, program: Path) -> None:
    """Writes the file's content to `program`."""
    found = False
    with opened(entry.layer) as tar:
        for member in tar:
            # The last of that name is the one that counts.
            if member.name == entry.name and member.isreg() and (content := tar.extractfile(member)):
                found = True
                with program.open("wb") as out:
                    while block := content.read(1 << 20):
                        out.write(block)
    if not found:
        raise LayerError(f"{entry.name} is gone from its layer")


@contextmanager
def opened(layer: Path) -> Generator[tarfile.TarFile]:
    """The layer's archive as a stream, however it is compressed; raises `LayerError` where it is damaged."""
    try:
        with (
            _decompressed(layer) as content,
            tarfile.open(fileobj=cast("IO[bytes]", _Limited(content)), mode="r|") as tar,
        ):
            yield tar
    except (tarfile.TarError, EOFError, OSError, zlib.error, *_zstd_errors()) as error:
        raise LayerError(f"a layer of the image is damaged ({error})") from error


def _decompressed(layer: Path) -> IO[bytes]:
    with layer.open("rb") as file:
        magic = file.read(4)
    if magic.startswith(GZIP):
        return cast("IO[bytes]", gzip.open(layer))
    if magic == ZSTD:
        return cast("IO[bytes]", zstd().open(layer))
    return layer.open("rb")


def zstd() -> Any:
    """Part of Python from 3.14 on; the same as a package before."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise LayerError("a layer of the image is compressed with zstd: install the Python package backports.zstd")


def _zstd_errors() -> tuple[type[Exception], ...]:
    try:
        return (zstd().ZstdError,)
    except LayerError:
        return ()


class _Limited:
    """A stream that ends in an error where a small download unpacks into an endless one."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content, self._left = content, MAX_UNPACKED

    def read(self, size: int) -> bytes:
        block = self._content.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise LayerError(f"a layer of the image unpacks into more than {MAX_UNPACKED >> 30} GiB")
        return block
