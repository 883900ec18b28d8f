"""CRDs that a package of the catalog publishes at an address, for where that address cannot be reached."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from cnai.catalog import Package, catalog
from cnai.sandbox.provider.release.schemas import Schemas, schemas_for, share_of


def published_at(
    url: str, reference: Path | None, packages: Mapping[str, Package] | None = None
) -> tuple[Package, Schemas] | None:
    """The package whose file this is, and what is at hand of its CRDs; None where the catalog knows no such file."""
    for package in (catalog() if packages is None else packages).values():
        for file, address in zip(package.crd_files, package.crd_urls, strict=True):
            if address == url:
                return package, _only(schemas_for(package, share_of, reference), file.crds, package)
    return None


def _only(schemas: Schemas, names: Iterable[str], package: Package) -> Schemas:
    wanted = set(names)
    kinds = {f"{crd.kind}.{crd.group}" for crd in package.provides.crds if crd.name in wanted}
    crds = [crd for crd in schemas.crds if crd["metadata"]["name"] in wanted]
    return replace(schemas, crds=crds, unchecked=tuple(kind for kind in schemas.unchecked if kind in kinds))
