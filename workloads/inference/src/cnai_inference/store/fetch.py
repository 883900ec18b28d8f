"""Brings a model to a local directory, once per machine however many processes ask."""

import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import fsspec

from cnai_inference.errors import InferenceError
from cnai_inference.store.hub import from_hub, one_line
from cnai_inference.store.manifest import MANIFEST, verify

log = logging.getLogger(__name__)

CLAIMS = Path("/mnt/pvc")
"""Where KServe mounts a persistent volume claim that `pvc://` names."""
WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", MANIFEST]
"""What is taken from elsewhere: no pickles, no code."""


def fetch(source: str, cache: Path, *, require_manifest: bool = False) -> Path:
    """`source` is a directory, `pvc://claim/path`, `hf://owner/name[@revision]`, or a URL that fsspec knows (s3://…)."""
    scheme, _, rest = source.partition("://")
    if not rest:
        return checked(Path(source), source, require_manifest)
    if scheme == "pvc":
        return checked(CLAIMS / rest.partition("/")[2], source, require_manifest)
    target = cache / f"{hashlib.sha256(source.encode()).hexdigest()[:16]}-{Path(rest).name}"
    with locked(cache, target.name):
        if not target.exists():
            partial = target.with_name(f"{target.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            log.info("fetching %s", source)
            if scheme == "hf":
                from_hub(source, partial, WANTED)
            else:
                from_object_store(source, partial)
            verify(partial, required=require_manifest)
            # Appears whole or not at all.
            partial.rename(target)
    return target


def checked(directory: Path, source: str, require_manifest: bool) -> Path:
    if not directory.is_dir():
        raise InferenceError(f"there is no model at {source}: give a directory, or pvc://, hf://, s3://… with one")
    verify(directory, required=require_manifest)
    return directory


@contextmanager
def locked(cache: Path, name: str) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def from_object_store(source: str, target: Path) -> None:
    try:
        filesystem, root = fsspec.core.url_to_fs(source)
        names = [name for name in filesystem.find(root) if wanted(name)]
        for name in names:
            local = target / inside(name, root, source)
            local.parent.mkdir(parents=True, exist_ok=True)
            filesystem.get_file(name, str(local))
    except InferenceError:
        raise
    # Each of fsspec's file systems has its own errors (botocore's, gcsfs's, …), with no class in common.
    except Exception as error:
        raise InferenceError(f"{source} cannot be read: {one_line(error)}") from error
    if not names:
        raise InferenceError(f"{source} has no files of a model: check the address and the credentials")


def wanted(name: str) -> bool:
    return any(fnmatch(name.rpartition("/")[2], pattern) for pattern in WANTED)


def inside(name: str, root: str, source: str) -> str:
    relative = os.path.relpath(name, root)
    if relative.startswith(".."):
        raise InferenceError(f"{source} lists {name}, which is outside it")
    return relative
