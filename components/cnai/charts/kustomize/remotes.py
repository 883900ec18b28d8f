"""Bases that a kustomization names by address: read from where the package pins them, refused where it does not.

`kustomize` would clone them at whatever the ref is on that day, with the user's git and credentials.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from cnai.charts.documents import LOADER
from cnai.charts.errors import ChartError

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
Bases = Mapping[tuple[str, str], Path]
"""Copies of repositories by `owner/name` and ref."""
FIELDS = ("resources", "bases", "components")
ADDRESS = re.compile(r"^(?:[\w+]+::|\w+://|[\w.-]+@|(?:www\.)?github\.com[/:])|\?ref=")
GITHUB = re.compile(
    r"^(?:git::)?(?:\w+://)?(?:[\w.-]+@)?(?:www\.)?github\.com[/:]+(?P<project>[\w.-]+/[\w.-]+?)(?:\.git)?"
    r"(?:/+(?P<path>[^?]*))?(?:\?(?P<query>.*))?$"
)
REF = re.compile(r"(?:^|&)(?:ref|version)=([^&]+)")


def made_local(stage: Path, bases: Bases) -> None:
    """Rewrites every address that is reachable from the kustomization in `stage` as a path into `bases`.

    All of it is a copy that may be changed. Raises `ChartError` where an address is of none of them.
    """
    waiting, seen = [stage], set[Path]()
    while waiting:
        folder = waiting.pop().resolve()
        if folder.is_relative_to(stage) and folder.is_dir() and folder not in seen:
            seen.add(folder)
            waiting += _below(folder, stage, bases)


def _below(folder: Path, stage: Path, bases: Bases) -> Iterator[Path]:
    """What a kustomization builds on."""
    file = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    document = _read(file) if file else {}
    shown, rewritten = folder.relative_to(stage).as_posix(), False
    for field in FIELDS:
        entries = cast("list[Any]", document.get(field) or [])
        for number, entry in enumerate(entries):
            if ADDRESS.search(str(entry)) and not (folder / str(entry)).exists():
                entries[number] = os.path.relpath(_pinned(str(entry), bases, shown), folder)
                rewritten = True
            yield folder / str(entries[number])
    if file and rewritten:
        file.write_text(yaml.safe_dump(document, sort_keys=False))


def _read(file: Path) -> dict[str, Any]:
    """What is wrong with it, `kustomize` says better."""
    try:
        found = yaml.load(file.read_text(), LOADER)
    except yaml.YAMLError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _pinned(address: str, bases: Bases, shown: str) -> Path:
    parts = GITHUB.match(address)
    project, path, query = (parts[key] or "" for key in ("project", "path", "query")) if parts else ("", "", "")
    asked = REF.search(query)
    root = bases.get((project, asked[1])) if asked else None
    if root and (root / path).exists():
        return root / path
    refs = ", ".join(ref for pinned, ref in bases if pinned == project)
    why = f"the folder pinned there has no {path}" if root else f"only {refs} is pinned" if refs else "it is not pinned"
    raise ChartError(
        f"the kustomization in {shown} builds on {address}, but {why}: pin that repository at that ref with a "
        "checksum in `bases` of the package's source, or choose `paths` that do without it"
    )
