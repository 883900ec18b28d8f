"""Files in a folder or an object store, by path or URL, through fsspec."""

import hashlib
import json
import posixpath
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from cnai_training.errors import TrainingError

CHUNK = 16 * 2**20


def join(base: str, *parts: str) -> str:
    return posixpath.join(base, *parts)


def failures() -> tuple[type[Exception], ...]:
    """What files and object stores raise when they are not there, not allowed or out of reach."""
    client = sys.modules.get("botocore.exceptions")
    return (OSError, client.BotoCoreError) if client else (OSError,)


def is_local(url: str) -> bool:
    return "://" not in url or url.startswith("file://")


def exists(url: str) -> bool:
    fs, path = url_to_fs(url)
    return fs.exists(path)


def names(url: str) -> list[str]:
    """Names directly under a folder, sorted; none where there is no folder."""
    fs, path = url_to_fs(url)
    # An object store answers from a cached listing otherwise, and another process has written since.
    fs.invalidate_cache()
    if not fs.exists(path):
        return []
    return sorted(posixpath.basename(entry.rstrip("/")) for entry in fs.ls(path, detail=False))


def size(url: str) -> int:
    fs, path = url_to_fs(url)
    return int(fs.size(path))


def read_bytes(url: str) -> bytes:
    with fsspec.open(url, "rb") as stream:
        return stream.read()


def read_json(url: str) -> Any:
    try:
        return json.loads(read_bytes(url))
    except FileNotFoundError:
        raise TrainingError(f"{url} is not there; run the step that writes it first") from None
    except ValueError as error:
        raise TrainingError(f"{url} is not JSON ({error}); write it again") from None


def write_bytes(url: str, content: bytes) -> None:
    """Whole or not at all on a local file system; object stores put an object in one piece anyway."""
    fs, path = url_to_fs(url)
    fs.makedirs(posixpath.dirname(path), exist_ok=True)
    if is_local(url):
        partial = Path(path + ".partial")
        partial.write_bytes(content)
        partial.replace(path)
    else:
        fs.pipe_file(path, content)


def write_json(url: str, value: Any) -> None:
    write_bytes(url, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def remove(url: str) -> None:
    fs, path = url_to_fs(url)
    if fs.exists(path):
        fs.rm(path, recursive=True)


def upload(folder: Path, url: str) -> None:
    """Every file under a local folder."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        target = join(url, file.relative_to(folder).as_posix())
        fs, path = url_to_fs(target)
        fs.makedirs(posixpath.dirname(path), exist_ok=True)
        fs.put_file(str(file), path)


def sha256(url: str) -> str:
    digest = hashlib.sha256()
    with fsspec.open(url, "rb") as stream:
        while piece := stream.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def copy(source: str, target: str) -> str:
    """A file to another place, in pieces; gives its SHA-256."""
    fs, path = url_to_fs(target)
    fs.makedirs(posixpath.dirname(path), exist_ok=True)
    digest = hashlib.sha256()
    with fsspec.open(source, "rb") as stream, fs.open(path, "wb") as out:
        while piece := stream.read(CHUNK):
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


def local_copy(url: str, sha256: str = "") -> Path:
    """The file itself where it is local, else a copy kept for this machine; checked where a digest is given."""
    if is_local(url):
        return Path(url.removeprefix("file://"))
    fs, path = url_to_fs(url)
    # Without a digest the size and date tell whether the object is still the one that was copied.
    version = sha256 or f"{fs.size(path)} {fs.info(path).get('LastModified', fs.info(path).get('created', ''))}"
    cache = Path(tempfile.gettempdir()) / "cnai-training" / hashlib.sha256(f"{url} {version}".encode()).hexdigest()
    target = cache / posixpath.basename(url)
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        partial = Path(folder) / target.name
        if copy(url, str(partial)) != sha256 and sha256:
            raise TrainingError(f"{url} is not the file its manifest describes; prepare the data again")
        partial.replace(target)
    return target


@contextmanager
def local_folder(url: str) -> Iterator[str]:
    """The folder itself where it is local, else a copy for as long as it is used: for libraries that know no URLs."""
    if is_local(url):
        yield url.removeprefix("file://")
        return
    with tempfile.TemporaryDirectory(prefix="cnai-training-") as folder:
        for name in names(url):
            copy(join(url, name), join(folder, name))
        yield folder
