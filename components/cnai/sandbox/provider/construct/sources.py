"""Where the manifests of a component come from: files, addresses, a kustomization."""

import glob
import hashlib
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from cnai.sandbox.paths import cache_dir
from cnai.sandbox.provider.construct.manifests import Object, flattened, parsed
from cnai.sandbox.provider.errors import ProviderError
from cnai.sandbox.toolchain.wheel import kubectl

FETCH_S = 60.0
RENDER_S = 300.0


def of_group(inputs: Mapping[str, Any]) -> list[Object]:
    """A ConfigGroup's: files, globs and addresses, then text, then objects as they are."""
    given = inputs.get("files") or []
    found = [obj for entry in ([given] if isinstance(given, str) else given) for obj in of_files(entry)]
    found += parsed(inputs.get("yaml") or "", "`yaml`")
    return found + flattened(inputs.get("objs") or [], "`objs`")


def of_files(entry: str) -> list[Object]:
    """One file, all files of a glob pattern in the order of their names, or what lies at an address."""
    if "://" in entry:
        return parsed(fetched(entry), entry)
    paths = sorted(glob.glob(entry)) if any(mark in entry for mark in "*?[") else [entry]  # noqa: PTH207 - absolute patterns
    found: list[Object] = []
    for path in paths:
        try:
            found += parsed(Path(path).read_text(), path)
        except OSError as error:
            raise ProviderError(f"{path} cannot be read: {error.strerror}") from error
    return found


def fetched(url: str) -> str:
    """From the cache's `manifests/`, else from the network, and then kept."""
    kept = cached_manifest(url)
    if kept.is_file():
        return kept.read_text()
    try:
        response = httpx2.get(url, follow_redirects=True, timeout=FETCH_S).raise_for_status()
    except httpx2.HTTPError as error:
        raise ProviderError(
            f"{url} cannot be fetched ({error}); to work offline, put the file at {kept}, or name a local file"
        ) from error
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=kept.parent, delete=False) as unfinished:
        unfinished.write(response.text)
    Path(unfinished.name).replace(kept)
    return response.text


def cached_manifest(url: str) -> Path:
    name = url.rstrip("/").rpartition("/")[2].partition("?")[0] or "manifest"
    return cache_dir() / "manifests" / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}-{name}"


def of_directory(directory: str) -> list[Object]:
    """What kustomize makes of a local directory (or of a repository's address, where that can be reached)."""
    return parsed(_output([str(kubectl()), "kustomize", directory], f"kustomization {directory}"), directory)


def _output(command: Sequence[str], what: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RENDER_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ProviderError(f"{what}: {Path(command[0]).name} took longer than {RENDER_S:g}s") from error
    if done.returncode:
        words = " ".join(done.stderr.split()).removeprefix("Error: ").removeprefix("error: ")
        raise ProviderError(f"{what} cannot be rendered: {words}")
    return done.stdout
