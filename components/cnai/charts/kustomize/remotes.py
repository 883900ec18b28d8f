"""Bases that a kustomization names by address: read from where the package pins them, refused where it does not.

`kustomize` would clone them at whatever the ref is on that day, with the user's git and credentials.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from cnai.catalog import Tree
from cnai.charts.documents import LOADER
from cnai.charts.errors import ChartError

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
FIELDS = ("resources", "bases", "components")
ADDRESS = re.compile(r"^(?:[\w+]+::|\w+://|[\w.-]+@|(?:www\.)?github\.com[/:])|\?ref=")
GITHUB = re.compile(
    r"^(?:git::)?(?:\w+://)?(?:[\w.-]+@)?(?:www\.)?github\.com[/:]+(?P<project>[\w.-]+/[\w.-]+?)(?:\.git)?"
    r"(?:/+(?P<path>[^?]*))?(?:\?(?P<query>.*))?$"
)
REF = re.compile(r"(?:^|&)(?:ref|version)=([^&]+)")


def made_local(stage: Path, bases: Mapping[Tree, Path]) -> None:
    """Rewrites every address that is reachable from the kustomization in `stage` as a path into `bases`.

    All of it is a copy that may be changed. Raises `ChartError` where an address is of none of them.
    """
    waiting, seen = [stage], set[Path]()
    while waiting:
        folder = waiting.pop().resolve()
        if folder.is_relative_to(stage) and folder.is_dir() and folder not in seen:
            seen.add(folder)
            waiting += _below(folder, stage, bases)


def _below(folder: Path, stage: Path, bases: Mapping[Tree, Path]) -> Iterator[Path]:
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


def _pinned(address: str, bases: Mapping[Tree, Path], shown: str) -> Path:
    parts = GITHUB.match(address)
    project, path = (parts["project"], parts["path"] or "") if parts else ("", "")
    asked = REF.search(parts["query"] or "") if parts else None
    same = {tree: root for tree, root in bases.items() if tree.project.lower() == project.lower()}
    for tree, root in same.items():
        if asked and asked[1] == tree.ref:
            return root / path
    pinned = ", ".join(f"{tree.project} at {tree.ref}" for tree in same) or "it is not pinned"
    raise ChartError(
        f"the kustomization in {shown} builds on {address}, and {pinned}: pin that repository at that ref with a "
        "checksum in `bases` of the package's source, or choose `paths` that do without it"
    )
