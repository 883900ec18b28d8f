"""Files that a crash leaves whole: written beside their place, flushed, then moved into it."""

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from cnai.errors import UserError


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replaces `path` by `text` in one step; after a return it outlives a power cut."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    _write_new(fresh, text, mode)
    fresh.replace(path)
    sync_folder(path.parent)


def create_once(path: Path, text: str, mode: int = 0o600) -> bool:
    """Writes `path` whole unless it exists; False if another process was first."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    _write_new(fresh, text, mode)
    try:
        os.link(fresh, path)
    except FileExistsError:
        return False
    finally:
        fresh.unlink()
    sync_folder(path.parent)
    return True


def _write_new(path: Path, text: str, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def place_folder(fresh: Path, place: Path, spare: Path) -> None:
    """Puts a finished folder where an older one may be, which goes to `spare`.

    Where two processes do it at once, the first one's stays: for folders whose content follows from their name.
    """
    with suppress(FileNotFoundError):
        place.rename(spare)
    try:
        fresh.rename(place)
    except OSError:
        if not place.is_dir():
            raise


def sync_folder(path: Path) -> None:
    """Makes what was created, moved or removed in a folder outlive a power cut."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, or None where there is none. Raises `UserError` where it is damaged."""
    try:
        found: Any = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise damaged(path, error) from error
    if not isinstance(found, dict):
        raise damaged(path, "no JSON object")
    return cast("dict[str, Any]", found)


def damaged(path: Path, why: object) -> UserError:
    return UserError(f"{path} is damaged ({why}): restore it from a copy, or remove its folder")
