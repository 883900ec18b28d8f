"""What has passed its rules is not rendered and asked again until something that decides it changes."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, cast

from cnai._version import __version__
from cnai.policy.check import Subject
from cnai.policy.loading import rules_dir
from cnai.policy.packs import packs_file

FILES = ("chart", "file", "files", "directory")
"""Inputs that name charts and manifests."""


def digest(subject: Subject, charts: Iterable[Path], today: date) -> str | None:
    """Digest of what is declared and how strictly, the rules, the available charts and the date.

    None where manifests come from files of the user's own, which may change without any of these.
    """
    if any(_own_files(each.body) for each in subject.resources if ":" in each.type):
        return None
    # A program registers what does not depend on each other in any order.
    declared = sorted(_text([each.type, each.logical_name, each.body]) for each in subject.resources)
    strictly = _text([subject.levels, [each.words for each in subject.exemptions], subject.settings])
    found = hashlib.sha256()
    for part in (*declared, strictly, __version__, today.isoformat(), *_rules(), *(_stamp(each) for each in charts)):
        found.update(part.encode() + b"\0")
    return found.hexdigest()


def _text(value: Any) -> str:
    return json.dumps(value, default=repr, sort_keys=True)


def _own_files(body: Mapping[str, Any]) -> bool:
    """A chart's name in a repository is not a path, and neither is a URL."""
    named = [value for key in FILES for value in _texts(body.get(key))]
    return any("://" not in each and Path(each).exists() for each in named)


def _texts(value: Any) -> list[str]:
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str)]


def _rules() -> Iterator[str]:
    for file in (packs_file(), *sorted(rules_dir().glob("*.*"))):
        if file.is_file():
            yield file.read_text(encoding="utf-8")


def _stamp(file: Path) -> str:
    found = file.stat()
    return f"{file.name} {found.st_size} {found.st_mtime_ns}"


def has_passed(mark: Path, key: str | None) -> bool:
    return key is not None and mark.is_file() and mark.read_text(encoding="utf-8") == key


def keep(mark: Path, key: str | None) -> None:
    if key is not None:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(key, encoding="utf-8")
