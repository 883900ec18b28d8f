"""Finds and reads every `package.toml`, with the `values.yaml` beside it."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from cnai.catalog.package import Crd, Package
from cnai.errors import UserError

FILE = "package.toml"
ENTRY_POINTS = "cnai.features"
"""Group under which other distributions name modules of features, as `pulumi` plugins do."""


@cache
def catalog() -> Mapping[str, Package]:
    """Every package by name, of every feature and cloud. Raises `UserError` where one is wrong or there twice."""
    found: dict[str, Package] = {}
    for home, folder in package_folders():
        for name, package in read(folder, home).items():
            if name in found:
                raise UserError(f"{home}/{FILE}: package {name} is in {found[name].home} already: choose another name")
            found[name] = package
    return MappingProxyType(checked(found))


def package_folders() -> Iterator[tuple[str, Traversable]]:
    """Folders with a `package.toml`: two levels below `cnai`, and those of features that other distributions bring."""
    for room in sorted(files("cnai").iterdir(), key=lambda each: each.name):
        if room.is_dir():
            for folder in sorted(room.iterdir(), key=lambda each: each.name):
                if folder.is_dir() and folder.joinpath(FILE).is_file():
                    yield f"{room.name}/{folder.name}", folder
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        folder = _folder(point.module)
        if folder and (folder / FILE).is_file():
            yield point.module, folder


def _folder(module: str) -> Path | None:
    """Where a module lies, without importing it."""
    try:
        found = find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(found.origin).parent if found and found.origin else None


def read(folder: Traversable, home: str) -> dict[str, Package]:
    """The packages of one folder, which has a table for each in its `package.toml`."""
    values = folder.joinpath("values.yaml")
    base = (yaml.safe_load(values.read_text("utf-8")) or {}) if values.is_file() else {}
    packages = parsed(folder.joinpath(FILE).read_text("utf-8"), home, base)
    if unknown := sorted(set(base) - set(packages)):
        raise UserError(f"{home}/values.yaml: no package {', '.join(unknown)}: it has {', '.join(packages)}")
    return packages


def parsed(text: str, home: str, base: Mapping[str, Any]) -> dict[str, Package]:
    """Raises `UserError` with the key's path where a row is wrong."""
    where = f"{home}/{FILE}"
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where}: not TOML: {error}") from None
    own = {name: {"name": name, "home": home, "base_values": base.get(name) or {}} for name in tables}
    try:
        return TypeAdapter(dict[str, Package]).validate_python({name: {**own[name], **tables[name]} for name in tables})
    except (ValidationError, TypeError) as error:
        raise UserError(f"{where}: {_first(error)}") from None


def _first(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return "every key belongs in a table that is called after its package"
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}, got {first['input']!r}"


def checked(packages: dict[str, Package]) -> dict[str, Package]:
    """The same; raises `UserError` for what does not fit together."""
    for package in packages.values():
        _check(package, packages)
    return packages


def crds_at(url: str) -> tuple[Package, tuple[Crd, ...]] | None:
    """Whose CRDs lie at an address, and which: what the sandbox puts there where the address cannot be reached."""
    for package in catalog().values():
        for file, address in zip(package.crd_files, package.crd_urls, strict=True):
            if address == url:
                return package, tuple(crd for crd in package.provides.crds if crd.name in file.crds)
    return None


def _check(package: Package, packages: Mapping[str, Package]) -> None:
    where = f"{package.home}/{FILE}: {package.name}"
    if unknown := sorted(set(package.needs) - set(packages)):
        raise UserError(f"{where}.needs: no package {', '.join(unknown)}: add it or drop the need")
    if package.health.status != "maintained" and not package.health.instead:
        raise UserError(f"{where}.health: {package.health.status}, so say what to use `instead`")
    known = {crd.name for crd in package.provides.crds}
    if unknown := sorted({name for file in package.crd_files for name in file.crds} - known):
        raise UserError(f"{where}.crd_files: {', '.join(unknown)} not in its provides.crds")
    names = {workload.name for workload in package.provides.workloads}
    for service in package.provides.services:
        if service.workload and service.workload not in names:
            have = ", ".join(sorted(names)) or "none"
            raise UserError(f"{where}: Service {service.name} selects no workload of: {have}")
