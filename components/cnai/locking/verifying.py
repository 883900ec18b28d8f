"""Whether packages and their locks keep the rules, from files alone: what CI asks, where no chart is at hand."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from cnai.catalog import Package
from cnai.catalog.keys import ignored
from cnai.locking.contents import digest_of
from cnai.locking.making import given_to
from cnai.locking.reference import release_of

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    package: str
    level: Level
    text: str


@cache
def rules() -> Mapping[str, Any]:
    return tomllib.loads(files("cnai.locking").joinpath("rules.toml").read_text("utf-8"))


def verified(packages: Iterable[Package], today: date) -> list[Finding]:
    return [finding for package in packages for finding in _findings(package, today)]


def _findings(package: Package, today: date) -> Iterator[Finding]:
    for text in (*_lock(package), *_images(package), *_licence(package), *_health(package)):
        yield Finding(package.name, "error", text)
    if (days := (today - package.health.seen).days) > rules()["seen_days"]:
        what = f"nobody has looked at upstream for {days} days"
        yield Finding(package.name, "warning", f"{what}: look at {package.source.project} and set health.seen")


def misfit(package: Package) -> str:
    """Why a lock is not of its package; empty where it is."""
    lock, again = package.lock, f"`cnai catalog lock {package.name}` makes it"
    if not lock.version:
        return f"has no lock: {again}"
    if lock.version != package.version:
        return f"its lock is of version {lock.version}, and the package of {package.version}: {again} anew"
    return ""


def _lock(package: Package) -> Iterator[str]:
    if wrong := misfit(package):
        yield wrong
        return
    values = given_to(package, release_of(package))
    for each in ignored(values, package.lock.known) if package.kind == "helm" else ():
        yield f"its chart would ignore a value that we set: {each}"
    if digest_of(values) != package.lock.values:
        again = f"`cnai catalog lock {package.name}` makes it anew"
        yield f"its lock was made with other values than it gets now: {again}; look at what changed"


def _images(package: Package) -> Iterator[str]:
    for image in package.images:
        tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
        if "@sha256:" not in image and (not tag or tag in rules()["moving_tags"]):
            yield f"image {image} is not pinned: set a tag that is never pushed again"


def _licence(package: Package) -> Iterator[str]:
    if not free(package.licence) and not package.licence_reason:
        allowed = ", ".join(rules()["licences"])
        yield f"licence {package.licence} needs a licence_reason in its package.toml; without one go {allowed}"


def free(licence: str) -> bool:
    """Whether an SPDX expression leaves a choice that anybody may use."""
    allowed = rules()["licences"]
    parts = re.split(r"\s+AND\s+", licence.replace("(", "").replace(")", ""))
    return all(any(one.strip() in allowed for one in re.split(r"\s+OR\s+", part)) for part in parts)


def _health(package: Package) -> Iterator[str]:
    if package.health.status != "maintained" and not package.health.note:
        yield f"health.status is {package.health.status}: say in health.note what the risk is"
