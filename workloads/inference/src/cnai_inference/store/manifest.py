"""Checksums of a model's files, in the format that `sha256sum --check` reads."""

import hashlib
from pathlib import Path

from cnai_inference.errors import InferenceError

MANIFEST = "SHA256SUMS"


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(directory: Path) -> Path:
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != MANIFEST)
    lines = [f"{digest(path)}  {path.relative_to(directory).as_posix()}\n" for path in files]
    manifest = directory / MANIFEST
    manifest.write_text("".join(lines), encoding="utf-8")
    return manifest


def verify(directory: Path, *, required: bool = False) -> bool:
    """Raises on the first file that is missing or differs; False where there is no manifest to go by.

    Where checksums are required, a file that is not listed is refused too.
    """
    manifest = directory / MANIFEST
    if not manifest.exists():
        if required:
            raise InferenceError(
                f"{directory} has no {MANIFEST}, and checksums are required: add one, or allow models without"
            )
        return False
    listed = set[Path]()
    for line in manifest.read_text(encoding="utf-8").splitlines():
        expected, _, name = line.partition("  ")
        path = directory / name.strip().removeprefix("*")
        listed.add(path)
        if not path.resolve().is_relative_to(directory.resolve()):
            raise InferenceError(f"{MANIFEST} names {name!r}, which is outside the model's directory")
        if not path.is_file():
            raise InferenceError(f"{name} is missing in {directory}, though {MANIFEST} lists it: copy the model again")
        if digest(path) != expected:
            raise InferenceError(
                f"{name} in {directory} does not match its checksum in {MANIFEST}: copy the model again"
            )
    if required:
        refuse_unlisted(directory, listed)
    return True


def refuse_unlisted(directory: Path, listed: set[Path]) -> None:
    """Hidden files and folders, such as a download's own notes, are no part of a model."""
    for path in sorted(directory.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(directory).parts)
        if path.is_file() and path.name != MANIFEST and not hidden and path not in listed:
            raise InferenceError(
                f"{path.relative_to(directory)} in {directory} is not in {MANIFEST}, and checksums are required: "
                "list it, or take it away"
            )
