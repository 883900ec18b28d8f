"""Where the manifests of a component come from: files, addresses, a kustomization."""

import glob
import hashlib
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from cnai.charts.errors import ChartError
from cnai.charts.manifests import Object, flattened, parsed
from cnai.charts.offline import Offline
from cnai.charts.published import crds_of, publisher
from cnai.charts.schemas import Schemas
from cnai.paths import cache_dir
from cnai.toolchain.wheel import kubectl

FETCH_S = 60.0
RENDER_S = 300.0


@dataclass
class Origin:
    """Where to look for what an address has, and what was taken from elsewhere than the address."""

    reference: Path | None = None
    packages: list[str] = field(default_factory=list[str])
    """Packages of the catalog that publish the addresses."""
    instead: list[Schemas] = field(default_factory=list[Schemas])
    """CRDs that came from another source at hand than their address."""


def of_group(inputs: Mapping[str, Any], origin: Origin) -> list[Object]:
    """A ConfigGroup's: files, globs and addresses, then text, then objects as they are."""
    given = inputs.get("files") or []
    found = [obj for entry in ([given] if isinstance(given, str) else given) for obj in of_files(entry, origin)]
    found += parsed(inputs.get("yaml") or "", "`yaml`")
    return found + flattened(inputs.get("objs") or [], "`objs`")


def of_files(entry: str, origin: Origin) -> list[Object]:
    """One file, all files of a glob pattern in the order of their names, or what lies at an address."""
    if "://" in entry:
        return at_address(entry, origin)
    if package := publisher(entry):
        origin.packages.append(package.name)
        if not Path(entry).is_file():
            origin.instead.append(crds_of(package, entry, origin.reference))
            return flattened(origin.instead[-1].crds, entry)
    paths = sorted(glob.glob(entry)) if any(mark in entry for mark in "*?[") else [entry]  # noqa: PTH207 - absolute patterns
    found: list[Object] = []
    for path in paths:
        try:
            found += parsed(Path(path).read_text(), path)
        except OSError as error:
            raise ChartError(f"{path} cannot be read: {error.strerror}") from error
    return found


def at_address(url: str, origin: Origin) -> list[Object]:
    """From the cache's `manifests/`, else the address itself, else what the catalog knows to be published there."""
    kept, package = cached_manifest(url), publisher(url)
    if package:
        origin.packages.append(package.name)
    if kept.is_file():
        return parsed(kept.read_text(), url)
    offline = Offline(cache_dir() / "manifests" / ".offline.json")
    reason = offline.why(url)
    if not reason:
        return parsed(fetched(url, kept), url)
    if package:
        origin.instead.append(crds_of(package, url, origin.reference))
        return flattened(origin.instead[-1].crds, url)
    raise ChartError(
        f"{url} cannot be fetched ({reason}); to work offline, put the file at {kept}, or name a local file"
    )


def fetched(url: str, kept: Path) -> str:
    """From the network, and then kept."""
    try:
        response = httpx2.get(url, follow_redirects=True, timeout=FETCH_S).raise_for_status()
    except httpx2.HTTPError as error:
        raise ChartError(f"{url} cannot be fetched ({error}): check the address, or name a local file") from error
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=kept.parent, delete=False) as unfinished:
        unfinished.write(response.text)
    Path(unfinished.name).replace(kept)
    return response.text


def cached_manifest(url: str, cache: Path | None = None) -> Path:
    """Where it lies in a cache: the user's own unless given."""
    name = url.rstrip("/").rpartition("/")[2].partition("?")[0] or "manifest"
    return (cache or cache_dir()) / "manifests" / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}-{name}"


def of_directory(directory: str) -> list[Object]:
    """What kustomize makes of a local directory (or of a repository's address, where that can be reached)."""
    return parsed(_output([str(kubectl()), "kustomize", directory], f"kustomization {directory}"), directory)


def _output(command: Sequence[str], what: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RENDER_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ChartError(f"{what}: {Path(command[0]).name} took longer than {RENDER_S:g}s") from error
    if done.returncode:
        words = " ".join(done.stderr.split()).removeprefix("Error: ").removeprefix("error: ")
        raise ChartError(f"{what} cannot be rendered: {words}")
    return done.stdout
