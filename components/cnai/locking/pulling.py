"""Charts and files of CRDs into a cache, for machines without internet."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cnai.catalog import Package
from cnai.catalog import Source as Published
from cnai.charts.archive import BrokenChart
from cnai.charts.errors import ChartError
from cnai.charts.finding import Charts, Missing
from cnai.charts.helm import Helm
from cnai.charts.inputs import Source
from cnai.charts.kustomize.building import manifests_of
from cnai.charts.kustomize.trees import obtained
from cnai.charts.offline import Offline
from cnai.charts.sources import cached_manifest, fetched
from cnai.errors import UserError
from cnai.locking.contents import contents, digest


@dataclass(frozen=True)
class Pulled:
    package: str
    what: str
    file: Path | None
    """None where it cannot be had."""
    problem: str = ""
    """Why not, or what is wrong with it."""


def pull(packages: Iterable[Package], cache: Path, helm: Helm, report: Callable[[str], None]) -> list[Pulled]:
    """What is there already is kept, and held against the lock like what comes anew."""
    charts = Charts(cache / "charts", helm, Offline(cache / "charts" / ".offline.json"))
    offline = Offline(cache / "manifests" / ".offline.json")
    found = list[Pulled]()
    for package in packages:
        for each in (*_chart(package, charts, cache), *_files(package, cache, offline)):
            report(f"{package.name}: {each.what}{f': {each.problem}' if each.problem else ''}")
            found.append(each)
    return found


def _chart(package: Package, charts: Charts, cache: Path) -> Iterator[Pulled]:
    if not isinstance(package.source, Published):
        yield from _trees(package, cache)
        return
    source = source_of_package(package, package.source)
    try:
        found = charts.find(source)
        if isinstance(found, Missing):
            yield Pulled(package.name, str(source), None, found.reason)
            return
        same = package.lock.chart in ("", digest(contents(found.path)))
    except (ChartError, BrokenChart) as error:
        yield Pulled(package.name, str(source), None, " ".join(str(error).split()))
        return
    differs = f"is not the chart that was locked: look at it, then `cnai catalog lock {package.name}`"
    yield Pulled(package.name, str(source), found.path, "" if same else differs)


def _trees(package: Package, cache: Path) -> Iterator[Pulled]:
    """What manifests are made of, each held against its own checksum; from the user's own cache into another."""
    source = manifests_of(package)
    for tree in (source.tree(package.version), *source.bases):
        try:
            root = obtained(tree)
            place = cache / root.parent.name / root.name
            if not place.exists():
                shutil.copytree(root, place)
            yield Pulled(package.name, str(tree), place)
        except UserError as error:
            yield Pulled(package.name, str(tree), None, " ".join(str(error).split()))


def source_of_package(package: Package, where: Published) -> Source:
    """As the package's Release names it."""
    if where.is_oci:
        return Source(f"{where.repository}/{where.chart}", package.version)
    return Source(where.chart, package.version, where.repository)


def _files(package: Package, cache: Path, offline: Offline) -> Iterator[Pulled]:
    for url in package.crd_urls:
        kept = cached_manifest(url, cache)
        try:
            if not kept.is_file():
                if reason := offline.why(url):
                    raise ChartError(reason)
                fetched(url, kept)
            yield Pulled(package.name, url, kept)
        except ChartError as error:
            yield Pulled(package.name, url, None, " ".join(str(error).split()))
