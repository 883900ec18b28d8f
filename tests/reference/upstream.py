"""Upstream's own words: charts' values and schemas, and CRDs, read from the reference data."""

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cnai.catalog import Package

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ISTIO_DEFAULTS = "_internal_defaults_do_not_set"


class Upstream:
    def __init__(self, root: Path):
        self.root = root
        self.charts = {row["dir"]: row for row in self._table("charts/INDEX.tsv")}
        self.crds = {f"{Path(row['file']).stem}": row for row in self._table("crds/INDEX.tsv")}

    def _table(self, path: str) -> list[dict[str, str]]:
        with (self.root / path).open() as file:
            return list(csv.DictReader(file, delimiter="\t"))

    def chart_of(self, package: Package) -> dict[str, str]:
        """Row of the index: by directory, which is the package's name."""
        return self.charts[package.name]

    @cache  # noqa: B019 - lives as long as the session does
    def values(self, chart: str) -> dict[str, Any]:
        """The chart's defaults, its subcharts' under their names."""
        found = yaml.load((self.root / "charts" / chart / "values.yaml").read_text(), LOADER) or {}
        found = found.get(ISTIO_DEFAULTS, found)
        for dependency in self._dependencies(chart):
            # A library has templates alone.
            if (self.root / "charts" / dependency / "values.yaml").is_file():
                found = {**found, dependency: laid_over(self.values(dependency), found.get(dependency) or {})}
        return found

    def _dependencies(self, chart: str) -> list[str]:
        listed = self.charts[chart]["dependencies"].split(" ; ")
        return [entry.split()[0] for entry in listed if entry.strip("- ")]

    def text(self, chart: str) -> str:
        return (self.root / "charts" / chart / "values.yaml").read_text()

    def schema(self, chart: str) -> dict[str, Any] | None:
        path = self.root / "charts" / chart / "values.schema.json"
        return json.loads(path.read_text()) if path.is_file() else None

    @cache  # noqa: B019
    def crd(self, group: str, kind: str) -> dict[str, Any] | None:
        for row in self.crds.values():
            if (row["group"], row["kind"]) == (group, kind):
                return json.loads((self.root / row["file"]).read_text())
        return None


def laid_over(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {key: laid_over(base[key], over[key]) for key in base.keys() & over.keys() if isinstance(base[key], dict)}
    over = {key: value for key, value in over.items() if value is not None}
    return {**base, **over, **{key: value for key, value in both.items() if isinstance(over.get(key), dict)}}
