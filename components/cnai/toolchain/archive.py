"""A Go module's files without Go: the archive that its repository serves, believed only if go.sum's hash fits."""

import base64
import hashlib
import shutil
import tarfile
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from cnai.toolchain.reach import UNREACHED, Refused
from cnai.toolchain.sources import Archive, Source

MAX_BYTES = 512 << 20


@contextmanager
def unpacked(source: Source, place: Path) -> Generator[Path]:
    """The module's folder, below `place`, while it lasts; raises `Refused`."""
    archive, folder = _archive(source), place / ".module"
    try:
        _download(archive.url, place / ".archive")
        _unpack(place / ".archive", folder)
        found = h1(folder, f"{source.module}@v{source.version}")
        if found != archive.sum:
            raise Refused(f"{archive.url} has the hash {found}, go.sum says {archive.sum}")
        yield folder
    except (tarfile.TarError, EOFError) as error:
        raise Refused(f"{archive.url} is no whole archive ({error})") from error
    finally:
        (place / ".archive").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def h1(folder: Path, prefix: str) -> str:
    """The hash that go.sum has of a module: of the hashes of its files, those of modules within it left out."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    nested = tuple(name.removesuffix("go.mod") for name in files if name.endswith("/go.mod"))
    kept = sorted(f"{prefix}/{name}" for name in files if not name.startswith(nested) and not _is_vendored(name))
    lines = hashlib.sha256()
    for name in kept:
        content = files[name.removeprefix(f"{prefix}/")].read_bytes()
        lines.update(f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
    return f"h1:{base64.b64encode(lines.digest()).decode()}"


def _is_vendored(name: str) -> bool:
    return name == "vendor/modules.txt" or "/" in f"/{name}".partition("/vendor/")[2]


def _download(url: str, file: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer, file.open("wb") as out:
            got = 0
            while block := answer.read(1 << 20):
                got += out.write(block)
                if got > MAX_BYTES:
                    raise Refused(f"{url} gives more than {MAX_BYTES >> 20} MiB")
    except UNREACHED as error:
        raise Refused(f"{url} cannot be downloaded ({error})") from error


def _unpack(archive: Path, folder: Path) -> None:
    """Its regular files, without the one folder that holds them all; links and vendored packages are no part of it."""
    folder.mkdir()
    total = 0
    with tarfile.open(archive, mode="r|*") as tar:
        for member in tar:
            name = member.name.partition("/")[2]
            if not member.isreg() or not name or _is_vendored(name):
                continue
            total += member.size
            if total > MAX_BYTES:
                raise Refused(f"the archive unpacks into more than {MAX_BYTES >> 20} MiB")
            target = (folder / name).resolve()
            if not target.is_relative_to(folder.resolve()):
                raise Refused(f"the archive has a file outside itself: {member.name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            if content := tar.extractfile(member):
                with content, target.open("wb") as out:
                    shutil.copyfileobj(content, out)


def _archive(source: Source) -> Archive:
    if source.archive is None:
        raise ValueError(f"{source.name} has no archive")
    return source.archive
