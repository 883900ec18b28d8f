"""A chart as files, from a folder or an archive: its metadata, and the CRDs in `crds/` that its values switch on."""

import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, cast

import yaml

from cnai.charts.documents import LOADER, load

Object = dict[str, Any]
METADATA = ("Chart.yaml", "requirements.yaml", "values.yaml")
BROKEN = (tarfile.TarError, EOFError, OSError, zlib.error, yaml.YAMLError, UnicodeDecodeError)


class BrokenChart(Exception):
    """The archive or folder is not a chart; the message says why."""


@dataclass(frozen=True)
class Chart:
    """`files` by path inside the chart: only what says which CRDs there are."""

    files: Mapping[str, bytes]

    @cached_property
    def metadata(self) -> Object:
        return self._yaml("Chart.yaml")

    @property
    def values(self) -> Object:
        return self._yaml("values.yaml")

    @property
    def dependencies(self) -> list[Object]:
        return self.metadata.get("dependencies") or self._yaml("requirements.yaml").get("dependencies") or []

    def crds(self, given: Mapping[str, Any]) -> list[Object]:
        """What Helm would install before the templates, its own and those of subcharts that `given` leaves on."""
        own = [obj for name in sorted(self.files) if name.startswith("crds/") for obj in self._objects(name)]
        subcharts = self.subcharts()
        if not any(chart.has_crds for chart in subcharts.values()):
            return own
        values = merged(self.values, given)
        entries: dict[str, Object] = {entry.get("alias") or entry["name"]: entry for entry in self.dependencies}
        for name, chart in subcharts.items():
            entry = entries.get(name, {})
            if is_on(entry, values):
                below = cast("Object", values.get(name) or {})
                own += chart.crds(below | {"global": values.get("global") or {}})
        return own

    @property
    def has_crds(self) -> bool:
        below = (name for name in self.files if "/crds/" in f"/{name}")
        return any(below) or any(chart.has_crds for chart in self._archived().values())

    def subcharts(self) -> dict[str, "Chart"]:
        """By the name under which the values know them."""
        folders: dict[str, dict[str, bytes]] = {}
        for path, content in self.files.items():
            parts = PurePosixPath(path).parts
            if parts[0] == "charts" and len(parts) > 2:
                folders.setdefault(parts[1], {})["/".join(parts[2:])] = content
        found = {name: Chart(files) for name, files in folders.items()} | self._archived()
        by_name = {str(chart.metadata.get("name") or name): chart for name, chart in found.items()}
        aliases = {
            entry["alias"]: by_name[entry["name"]] for entry in self.dependencies if self._aliased(entry, by_name)
        }
        plain = {entry["name"] for entry in self.dependencies if not entry.get("alias")}
        gone = {entry["name"] for entry in self.dependencies if entry.get("alias")} - plain
        return {name: chart for name, chart in by_name.items() if name not in gone} | aliases

    @staticmethod
    def _aliased(entry: Object, charts: Mapping[str, "Chart"]) -> bool:
        return bool(entry.get("alias")) and entry["name"] in charts

    def _archived(self) -> dict[str, "Chart"]:
        inside = (name for name in self.files if name.startswith("charts/") and name.endswith(".tgz"))
        return {name: Chart(_from_archive(self.files[name])) for name in inside}

    def _objects(self, name: str) -> list[Object]:
        return load(self.files[name].decode())

    def _yaml(self, name: str) -> Object:
        found = yaml.load(self.files.get(name, b"{}"), Loader=LOADER)
        return cast("Object", found) if isinstance(found, dict) else {}


def read(path: Path) -> Chart:
    """Raises `BrokenChart` where there is none, or half of one."""
    try:
        chart = Chart(_from_folder(path) if path.is_dir() else _from_archive(path.read_bytes()))
        name = chart.metadata.get("name")
    except BROKEN as error:
        raise BrokenChart(f"{path} is not a readable chart: {error}") from error
    if not name:
        raise BrokenChart(f"{path} is not a chart: it has no Chart.yaml with a name")
    return chart


def is_on(dependency: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Helm's rule: the first condition that the values answer decides, else the tags, else it is on."""
    for condition in str(dependency.get("condition") or "").split(","):
        answer = _at(values, condition.strip())
        if isinstance(answer, bool):
            return answer
    known = cast("Object", values.get("tags") or {})
    answers = [known[tag] for tag in dependency.get("tags") or [] if isinstance(known.get(tag), bool)]
    return any(answers) if answers else True


def _at(values: Mapping[str, Any], path: str) -> Any:
    here: Any = values
    for key in path.split("."):
        here = cast("Object", here).get(key) if isinstance(here, dict) else None
    return here


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Object:
    """`over` laid over `base`, map by map; neither is changed."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        result[key] = merged(cast("Object", below), cast("Object", value)) if both else value
    return result


def _wanted(path: str) -> bool:
    name = PurePosixPath(path)
    return name.name in METADATA or "crds" in name.parts or (name.suffix == ".tgz" and "charts" in name.parts)


def _from_folder(folder: Path) -> dict[str, bytes]:
    found = ((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    return {name: path.read_bytes() for name, path in found if _wanted(name)}


def _from_archive(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        return dict(_members(archive))


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Everything in a chart's archive is below one folder, whose name does not matter."""
    for member in archive:
        name = "/".join(PurePosixPath(member.name).parts[1:])
        file = archive.extractfile(member) if member.isfile() and _wanted(name) else None
        if file:
            yield name, file.read()
