"""CRDs that a package of the catalog publishes at an address, for where that address cannot be reached."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cnai.catalog import Package, catalog
from cnai.charts.archive import BrokenChart, read
from cnai.charts.inputs import Source
from cnai.charts.kustomize.bundle import package_at
from cnai.charts.schemas import Schemas, schemas_for, share_of
from cnai.paths import cache_dir


def publisher(url: str, packages: Mapping[str, Package] | None = None) -> Package | None:
    """The package of the catalog that has a file of CRDs at this address, or at this path in the project."""
    known = catalog() if packages is None else packages
    bundled = known.get(package_at(url))
    return bundled or next((package for package in known.values() if url in package.crd_urls), None)


def crds_of(package: Package, url: str, reference: Path | None) -> Schemas:
    """What is at hand of the CRDs that the package publishes at this address, or has in its manifests."""
    if package.kind == "manifests":
        return schemas_for(package, share_of, reference)
    files = zip(package.crd_files, package.crd_urls, strict=True)
    names = next(file.crds for file, address in files if address == url)
    return _of_chart(package, names) or _only(schemas_for(package, share_of, reference), names, package)


def _of_chart(package: Package, names: Sequence[str]) -> Schemas | None:
    """From the package's chart where it has been pulled: the pinned version's own."""
    path = cache_dir() / "charts" / Source(package.chart, package.version).file_name
    try:
        held = {crd["metadata"]["name"]: crd for crd in read(path).crds({})} if path.is_file() else {}
    except BrokenChart:
        return None
    return Schemas([held[name] for name in names], "chart") if held.keys() >= set(names) else None


def _only(schemas: Schemas, names: Iterable[str], package: Package) -> Schemas:
    wanted = set(names)
    kinds = {f"{crd.kind}.{crd.group}" for crd in package.lock.crds if crd.name in wanted}
    crds = [crd for crd in schemas.crds if crd["metadata"]["name"] in wanted]
    return replace(schemas, crds=crds, unchecked=tuple(kind for kind in schemas.unchecked if kind in kinds))
