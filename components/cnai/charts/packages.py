"""Which of the catalog's packages a chart is."""

from collections.abc import Mapping

from cnai.catalog import Package, catalog
from cnai.charts.inputs import Source


def package_for(source: Source, known: Mapping[str, Package] | None = None) -> Package | None:
    """Two charts of one name (`gateway`, `operator`) are told apart by their repository."""
    packages = (catalog() if known is None else known).values()
    same = [package for package in packages if package.kind == "helm" and package.source.chart == source.name]
    exact = [package for package in same if _place(package.source.repository, package.source.chart) == _of(source)]
    return next(iter(exact or (same if len(same) == 1 and not source.is_local else [])), None)


def _of(source: Source) -> str:
    return source.chart.rstrip("/") if "://" in source.chart else _place(source.repo, source.chart)


def _place(repository: str, chart: str) -> str:
    """Where it lies, however the two parts are written."""
    return f"{repository.rstrip('/')}/{chart}"
