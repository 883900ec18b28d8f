"""A chart's files with its subcharts unpacked, however it was packaged, and the digest of what it renders from."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from cnai.charts.archive import BROKEN, BrokenChart
from cnai.charts.documents import LOADER

UNREAD = ("Chart.yaml", "Chart.lock", "requirements.yaml", "requirements.lock", ".helmignore", "LICENSE", "NOTES.txt")
"""Files that no object comes from. Packaging rewrites `Chart.yaml`."""
UNREAD_FOLDERS = ("ci", "tests", "unittests", "docs", "hack")
UNREAD_KINDS = (".md", ".gotmpl")


def contents(path: Path) -> dict[str, bytes]:
    """Files by their path inside the chart; those of subcharts below `charts/<folder>/`. Raises `BrokenChart`."""
    try:
        return dict(_unpacked(_folder(path) if path.is_dir() else _archive(path.read_bytes())))
    except BROKEN as error:
        raise BrokenChart(f"{path} is not a readable chart: {error}") from error


def digest(files: Mapping[str, bytes]) -> str:
    """Of the values, templates, CRDs and files: the same for the same chart packaged at another time or by another."""
    summed = hashlib.sha256()
    for name, content in sorted(files.items()):
        if _read(PurePosixPath(name)):
            summed.update(json.dumps([name, hashlib.sha256(_meant(name, content)).hexdigest()]).encode())
    return f"sha256:{summed.hexdigest()}"


def digest_of(values: Any) -> str:
    return f"sha256:{hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()}"


def _meant(name: str, content: bytes) -> bytes:
    """Releases rewrite values with tools that drop comments and blank lines: what they say is what counts."""
    if PurePosixPath(name).name != "values.yaml":
        return content
    return json.dumps(yaml.load(content, Loader=LOADER), sort_keys=True, default=str).encode()


def _read(name: PurePosixPath) -> bool:
    folders = name.parts[:-1]
    return not (
        name.name in UNREAD
        or name.suffix in UNREAD_KINDS
        or name.name.startswith(".")
        or {*folders} & {*UNREAD_FOLDERS}
    )


def _unpacked(files: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    for name, content in files:
        path = PurePosixPath(name)
        if path.suffix == ".tgz" and path.parent.name == "charts":
            inner = dict(_unpacked(_archive(content)))
            folder = f"{path.parent}/{_named(inner) or path.stem}"
            yield from ((f"{folder}/{below}", each) for below, each in inner.items())
        else:
            yield name, content


def _named(files: Mapping[str, bytes]) -> str:
    return str((yaml.load(files.get("Chart.yaml", b"{}"), Loader=LOADER) or {}).get("name") or "")


def _folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _archive(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Everything in a chart's archive lies below one folder, whose name does not matter."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive:
            name = "/".join(PurePosixPath(member.name).parts[1:])
            file = archive.extractfile(member) if member.isfile() and name else None
            if file:
                yield name, file.read()
