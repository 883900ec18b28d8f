"""Finds and reads every `package.toml`, with the `values.yaml` and the `lock.yaml` beside it."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, cast

import yaml
from pydantic import TypeAdapter, ValidationError

from cnai.catalog import lock
from cnai.catalog.lock import Crd, Lock
from cnai.catalog.package import Package
from cnai.errors import UserError
from cnai.package_folders import FILE, package_folders

VALUES = "values.yaml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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


def read(folder: Traversable, home: str) -> dict[str, Package]:
    """The packages of one folder, which has a table for each in its `package.toml`."""
    base = _yaml(folder, VALUES, home)
    locks = lock.parsed(_yaml(folder, lock.FILE, home), f"{home}/{lock.FILE}")
    packages = parsed(folder.joinpath(FILE).read_text("utf-8"), home, base, locks)
    for file, named in ((VALUES, base), (lock.FILE, locks)):
        if unknown := sorted(set(named) - set(packages)):
            raise UserError(f"{home}/{file}: no package {', '.join(unknown)}: it has {', '.join(packages)}")
    return packages


def _yaml(folder: Traversable, name: str, home: str) -> dict[str, Any]:
    """Empty where there is no such file."""
    file = folder.joinpath(name)
    try:
        found = yaml.load(file.read_text("utf-8"), _LOADER) if file.is_file() else {}
    except yaml.YAMLError as error:
        raise UserError(f"{home}/{name}: no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict | None):
        raise UserError(f"{home}/{name}: give a mapping of packages")
    return cast("dict[str, Any]", found or {})


def parsed(
    text: str, home: str, base: Mapping[str, Any], locks: Mapping[str, Lock] = MappingProxyType({})
) -> dict[str, Package]:
    """Raises `UserError` with the key's path where a row is wrong."""
    where = f"{home}/{FILE}"
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where}: not TOML: {error}") from None
    own = {name: {"name": name, "home": home, "base_values": base.get(name) or {}} for name in tables}
    for name in own.keys() & locks.keys():
        own[name]["lock"] = locks[name]
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
                return package, tuple(crd for crd in package.lock.crds if crd.name in file.crds)
    return None


def _check(package: Package, packages: Mapping[str, Package]) -> None:
    where = f"{package.home}/{FILE}: {package.name}"
    if unknown := sorted(set(package.needs) - set(packages)):
        raise UserError(f"{where}.needs: no package {', '.join(unknown)}: add it or drop the need")
    if package.health.status != "maintained" and not package.health.instead:
        raise UserError(f"{where}.health: {package.health.status}, so say what to use `instead`")
    known = {crd.name for crd in package.lock.crds}
    if package.lock.version and (unknown := sorted({name for file in package.crd_files for name in file.crds} - known)):
        raise UserError(f"{where}.crd_files: {', '.join(unknown)} not in its {lock.FILE}")
