"""Rendered objects as files: one for each, under names that stay the same."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from cnai.errors import UserError
from cnai.policy.model import Resource
from cnai.policy.values import Unknown

UNKNOWN = "[unknown]"
MARK = ".rendered-by-cnai"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class _Dumper(yaml.CSafeDumper):
    """Kubernetes' own order of keys is kept, and aliases are written out."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(Unknown, lambda dumper, _: dumper.represent_str(UNKNOWN))


def write(resources: Iterable[Resource], folder: Path) -> list[Path]:
    """Replaces what an earlier rendering left in the folder. Raises `UserError` where other files are in it."""
    _cleared(folder)
    written: list[Path] = []
    for each in resources:
        path = _free(folder / (_UNSAFE.sub("-", each.namespace) or "cluster"), each)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text_of(each), encoding="utf-8")
        written.append(path)
    return written


def text_of(resource: Resource) -> str:
    head = {key: resource.body[key] for key in ("apiVersion", "kind", "metadata") if key in resource.body}
    body = yaml.dump(head | dict(resource.body), Dumper=_Dumper, sort_keys=False, width=120)
    return f"# Source: {resource.source}\n{body}"


def _free(folder: Path, resource: Resource) -> Path:
    """Two groups may have a kind of one name, and names may differ only in signs that a file cannot have."""
    kind = resource.kind.rpartition("/")[2].lower()
    stem = _UNSAFE.sub("-", f"{kind}-{resource.name}")
    names = [stem, f"{stem}-{_UNSAFE.sub('-', resource.kind.rpartition('/')[0]) or 'core'}"]
    names += [f"{stem}-{number}" for number in range(2, 1000)]
    return next(path for path in (folder / f"{name}.yaml" for name in names) if not path.exists())


def _cleared(folder: Path) -> None:
    mark = folder / MARK
    if folder.is_dir() and any(folder.iterdir()) and not mark.is_file():
        raise UserError(f"{folder} has files of another making: give a new or empty folder")
    for old in folder.glob("*/*.yaml"):
        old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()
