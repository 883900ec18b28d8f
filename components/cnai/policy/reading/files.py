"""Files, folders and standard input; charts and kustomizations in folders are rendered, and not read as they are."""

import gc
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from cnai.errors import UserError
from cnai.policy.model import Resource
from cnai.policy.reading import objects
from cnai.policy.reading.problems import Problem
from cnai.policy.reading.streams import Unreadable, documents

STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")
CHART = "Chart.yaml"
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
Renders = Callable[[Path], Iterable[Mapping[str, Any]]]
"""A folder's objects. Raises `UserError` with the reason if they cannot be read."""


@dataclass
class Read:
    """What was found, in the order in which it was found."""

    resources: list[Resource] = field(default_factory=list[Resource])
    problems: list[Problem] = field(default_factory=list[Problem])
    lines: dict[int, int] = field(default_factory=dict[int, int])
    """`id` of a resource -> the line in its source."""


def read(given: Iterable[str], chart: Renders, kustomization: Renders) -> Read:
    """Raises `UserError` for a path that is not there; all else that goes wrong is among the `problems`."""
    found = Read()
    with _no_collection():
        for each in given:
            if each == STDIN:
                _named(found, STDIN, sys.stdin.buffer.read(), "standard input has no object")
            elif Path(each).is_dir():
                _folder(found, Path(each), chart, kustomization)
            elif Path(each).is_file():
                _file(found, Path(each), strict=True)
            else:
                raise UserError(
                    f"{each}: no such file or folder; give paths, `-` for standard input, or an environment"
                )
    return found


@contextmanager
def _no_collection() -> Generator[None]:
    """Thousands of manifests are many small objects, and none of them is a cycle: looking for one is lost time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _folder(found: Read, folder: Path, chart: Renders, kustomization: Renders) -> None:
    before = len(found.resources) + len(found.problems)
    files, rendered = 0, list[Path]()
    for here, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        path = Path(here)
        if CHART in names:
            below.clear()
            _rendered(found, path, chart, "chart")
        elif not set(names).isdisjoint(KUSTOMIZATIONS):
            rendered.append(path)
        elif not any(parent in path.parents for parent in rendered):
            for name in sorted(names):
                if name.endswith(SUFFIXES):
                    files += 1
                    _file(found, path / name, strict=False)
    for path in _roots(rendered):
        _rendered(found, path, kustomization, "kustomization")
    if not files and len(found.resources) + len(found.problems) == before:
        found.problems.append(Problem(str(folder), "it has no YAML or JSON file"))


def _roots(kustomizations: list[Path]) -> list[Path]:
    """Without bases and components, which are part of what builds on them."""
    used = {(path / entry).resolve() for path in kustomizations for entry in _entries(path)}
    return [path for path in kustomizations if path.resolve() not in used]


def _entries(folder: Path) -> Iterator[str]:
    try:
        texts = [(folder / name).read_text(errors="replace") for name in KUSTOMIZATIONS if (folder / name).is_file()]
    except OSError:
        # Kustomize itself says what is wrong with it.
        return
    for document in documents(texts[0]) if texts else ():
        if isinstance(document, tuple) and isinstance(document[1], dict):
            given = cast("dict[str, Any]", document[1])
            listed = [given.get(key) for key in ("resources", "bases", "components")]
            entries = [each for found in listed if isinstance(found, list) for each in cast("list[Any]", found)]
            yield from (each for each in entries if isinstance(each, str) and "://" not in each)


def _rendered(found: Read, folder: Path, renders: Renders, what: str) -> None:
    source = str(folder)
    try:
        found.resources += [Resource(dict(each), source=source) for each in renders(folder)]
    except UserError as error:
        found.problems.append(Problem(source, f"the {what} cannot be rendered: {error}", rendering=True))


def _file(found: Read, path: Path, *, strict: bool) -> None:
    if not path.is_file():
        found.problems.append(Problem(str(path), "it is not a readable file"))
        return
    try:
        content = path.read_bytes()
    except OSError as error:
        found.problems.append(Problem(str(path), f"it cannot be read: {error.strerror}"))
        return
    if strict:
        _named(found, str(path), content, "it has no object")
    else:
        _text(found, _decoded(found, str(path), content), str(path), strict=False)


def _named(found: Read, source: str, content: bytes, empty: str) -> None:
    """An empty file that was named explicitly is not a pass."""
    before = len(found.resources) + len(found.problems)
    _text(found, _decoded(found, source, content), source, strict=True)
    if len(found.resources) + len(found.problems) == before:
        found.problems.append(Problem(source, empty))


def _decoded(found: Read, source: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found.problems.append(Problem(source, f"it is not UTF-8 text (byte {error.start})"))
        return ""


def _text(found: Read, text: str, source: str, *, strict: bool) -> None:
    for document in documents(text):
        if isinstance(document, Unreadable):
            found.problems.append(Problem(source, str(document)))
            continue
        line, value = document
        for each in objects.resources(value, source, strict=strict):
            if isinstance(each, Problem):
                found.problems.append(each)
            else:
                found.resources.append(each)
                found.lines[id(each)] = line
