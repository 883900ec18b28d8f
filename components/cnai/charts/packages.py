"""Which of the catalog's packages a chart is."""

from collections.abc import Mapping

from cnai.catalog import Package, catalog
from cnai.catalog import Source as Published
from cnai.charts.inputs import Source
from cnai.charts.kustomize.bundle import package_at


def package_for(source: Source, known: Mapping[str, Package] | None = None) -> Package | None:
    """Two charts of one name (`gateway`, `operator`) are told apart by their repository."""
    packages = catalog() if known is None else known
    if source.is_local and (name := package_at(source.chart)):
        return packages.get(name)
    same = [each for each in packages.values() if each.kind == "helm" and each.chart == source.name]
    exact = [package for package in same if _place_of(package) == _of(source)]
    return next(iter(exact or (same if len(same) == 1 and not source.is_local else [])), None)


def _place_of(package: Package) -> str:
    return _place(package.source.repository, package.chart) if isinstance(package.source, Published) else ""


def _of(source: Source) -> str:
    return source.chart.rstrip("/") if "://" in source.chart else _place(source.repo, source.chart)


def _place(repository: str, chart: str) -> str:
    """Where it lies, however the two parts are written."""
    return f"{repository.rstrip('/')}/{chart}"
