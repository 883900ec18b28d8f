"""Folders with a `package.toml`: found without importing what is in them, so that rules can read them fast."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

FILE = "package.toml"
ENTRY_POINTS = "cnai.features"
"""Group under which other distributions name modules of features, as `pulumi` plugins do."""


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


def folder_of(home: str) -> Path | None:
    """Of a package's home, on the disk: a folder below `cnai`, or a third party's module."""
    ours = Path(str(files("cnai"))) / home
    found = ours if "/" in home else _folder(home)
    return found if found and found.is_dir() else None
