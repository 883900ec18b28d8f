"""Locks of packages, made and written into the folders that own them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cnai.catalog import Package, catalog
from cnai.catalog.lock import FILE, Lock
from cnai.charts.finding import Charts
from cnai.charts.helm import Helm
from cnai.charts.offline import Offline
from cnai.errors import FailedError, UserError
from cnai.files import write_atomically
from cnai.locking.digests import Digests
from cnai.locking.making import Locker
from cnai.locking.reference import kubernetes_version, release_of
from cnai.locking.writing import text
from cnai.package_folders import folder_of
from cnai.paths import cache_dir
from cnai.problems import nearest

Report = Callable[[str], None]
READABLE = 0o644


@dataclass(frozen=True)
class Locked:
    package: str
    file: Path
    changed: bool


def chosen(names: Iterable[str]) -> list[Package]:
    """Packages by name; all of them where none is named. Raises `UserError` for one that there is not."""
    known = catalog()
    for name in names:
        if name not in known:
            raise UserError(f"no package {name!r}: {nearest(name, sorted(known))}")
    return [known[name] for name in names] or list(known.values())


def lock(packages: Iterable[Package], helm: Helm, report: Report) -> list[Locked]:
    """Raises `FailedError` for the first package whose chart cannot be had or would ignore a value of ours."""
    folder = cache_dir() / "charts"
    offline = Offline(folder / ".offline.json")
    charts, silent = Charts(folder, helm, offline), set[str]()
    made, found = dict[str, Lock](), list[Locked]()
    for package in packages:
        digests = Digests(offline, report, frozenset(package.lock.images), silent)
        locker = Locker(charts, helm, kubernetes_version(), digests)
        made[package.name] = locker.lock(package, release_of(package))
        found.append(_written(package, made))
        report(f"{package.name} {package.version}: {'changed' if found[-1].changed else 'as before'}")
    return found


def _written(package: Package, made: Mapping[str, Lock]) -> Locked:
    """Into the `lock.yaml` beside the package's table, where other packages may have theirs."""
    folder = folder_of(package.home)
    if folder is None:
        raise FailedError(f"{package.name}: its folder {package.home} is no folder on a disk: nothing was written")
    family = {each.name: made.get(each.name, each.lock) for each in catalog().values() if each.home == package.home}
    file, new = folder / FILE, text({name: lock for name, lock in family.items() if lock.version})
    old = file.read_text("utf-8") if file.is_file() else ""
    if new != old:
        write_atomically(file, new, READABLE)
    return Locked(package.name, file, new != old)
