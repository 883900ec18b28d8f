"""The honesty ladder: the real chart where it can be had, else a stand-in from the catalog, else a clear refusal."""

import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cnai.catalog import Package
from cnai.charts.errors import ChartError
from cnai.charts.finding import Charts, Found, Missing
from cnai.charts.inputs import Release, Source
from cnai.charts.packages import package_for
from cnai.charts.schemas import From, Schemas, schemas_for
from cnai.plugin.errors import ProviderError
from cnai.sandbox.provider.release import standin
from cnai.sandbox.provider.release.strip import LeftOut, stripped

Object = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rung:
    """What Helm is given, and what goes before it."""

    kind: Literal["chart", "stand-in"]
    package: str
    version: str
    path: Path
    controller: str
    """Tool that really runs it, "" where none does."""
    crds: list[Object]
    """Not among the templates: to be applied before Helm runs."""
    crds_from: From
    unchecked: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    why: str = ""


class Ladder:
    def __init__(
        self,
        charts: Charts,
        share: Callable[[str], Path | None],
        reference: Path | None,
        packages: Mapping[str, Package] | None = None,
    ) -> None:
        self._charts, self._share, self._reference, self._packages = charts, share, reference, packages

    def refusal(self, source: Source) -> str:
        """Why a release of this cannot be made at all; "" where it can."""
        try:
            found = self._charts.find(source)
        except ChartError as error:
            return error.message
        return self._no_way(source, found) if isinstance(found, Missing) and not self._package(source) else ""

    @contextmanager
    def climbed(self, release: Release) -> Generator[Rung]:
        """The best rung; the stand-in's chart is there only inside the `with`."""
        source = release.source
        found, package = self._charts.find(source), self._package(source)
        if isinstance(found, Found):
            yield _chart(found, package, release)
        elif package is None:
            raise ProviderError(self._no_way(source, found))
        else:
            with tempfile.TemporaryDirectory(prefix="cnai-stand-in-") as folder:
                path = Path(folder) / package.chart
                standin.write(path, package, release.name, release.namespace)
                yield self._stand_in(package, path, found.reason, release)

    def _stand_in(self, package: Package, path: Path, why: str, release: Release) -> Rung:
        own = bool(release.inputs.get("skipCrds")) and bool(package.crd_files)
        # Where the program declares the CRDs as resources of their own, the stand-in leaves them to those.
        schemas = Schemas() if own else schemas_for(package, self._share, self._reference)
        crds, left_out = stripped(schemas.crds)
        return Rung(
            kind="stand-in",
            package=package.name,
            version=package.version,
            path=path,
            controller=package.controller,
            crds=crds,
            crds_from=schemas.source,
            unchecked=schemas.unchecked,
            left_out=tuple(left_out),
            why=why,
        )

    def _package(self, source: Source) -> Package | None:
        return package_for(source, self._packages)

    @staticmethod
    def _no_way(source: Source, missing: Missing) -> str:
        return (
            f"chart {source} cannot be had ({missing.reason}), and no package of the catalog is this chart, so nothing "
            "can stand in for it: connect once, give a chart by its path, or add it to the catalog"
        )


def _chart(found: Found, package: Package | None, release: Release) -> Rung:
    chart = found.chart
    wanted = [] if release.inputs.get("skipCrds") else chart.crds(release.values)
    crds, left_out = stripped(wanted)
    return Rung(
        kind="chart",
        package=package.name if package else str(chart.metadata["name"]),
        # A chart that was made of manifests has a version of its own making.
        version=package.version if package and package.kind == "manifests" else str(chart.metadata.get("version", "")),
        path=found.path,
        controller=package.controller if package else "",
        crds=crds,
        crds_from="chart" if crds else "none",
        left_out=tuple(left_out),
    )
