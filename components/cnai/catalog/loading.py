"""Reads `catalog.toml` and the base values beside it."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from cnai.catalog.package import Crd, Package
from cnai.errors import UserError

_DATA = files("cnai.catalog")


@cache
def catalog() -> Mapping[str, Package]:
    """Every package by name. Raises `UserError` where a row is wrong."""
    return MappingProxyType(parsed(_DATA.joinpath("catalog.toml").read_text()))


def parsed(text: str) -> dict[str, Package]:
    rows = {name: {"name": name, **row} for name, row in tomllib.loads(text).items()}
    try:
        packages = TypeAdapter(dict[str, Package]).validate_python(rows)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise UserError(f"catalog.toml: {path}: {first['msg']}, got {first['input']!r}") from None
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


def base_values(package: str) -> dict[str, Any]:
    given = _DATA.joinpath("values", f"{package}.yaml")
    return (yaml.safe_load(given.read_text()) or {}) if given.is_file() else {}


def _check(package: Package, packages: Mapping[str, Package]) -> None:
    if unknown := sorted(set(package.needs) - set(packages)):
        raise UserError(f"catalog.toml: {package.name}.needs: no package {', '.join(unknown)}: add it or drop the need")
    if package.health.status != "maintained" and not package.health.instead:
        raise UserError(f"catalog.toml: {package.name}.health: {package.health.status}, so say what to use `instead`")
    known = {crd.name for crd in package.provides.crds}
    if unknown := sorted({name for file in package.crd_files for name in file.crds} - known):
        raise UserError(f"catalog.toml: {package.name}.crd_files: {', '.join(unknown)} not in its provides.crds")
    names = {workload.name for workload in package.provides.workloads}
    for service in package.provides.services:
        if service.workload and service.workload not in names:
            have = ", ".join(sorted(names)) or "none"
            raise UserError(f"catalog.toml: {package.name}: Service {service.name} selects no workload of: {have}")
