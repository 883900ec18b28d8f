"""Pinned folders of repositories: from the cache, else fetched by ref; believed only by their checksum."""

import hashlib
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO

import httpx2

from cnai.catalog import Tree
from cnai.charts.errors import ChartError
from cnai.charts.offline import Offline
from cnai.files import place_folder
from cnai.paths import cache_dir

FETCH_S = 120.0
NO_SUCH = 404
SHOWN = 12
Files = Mapping[str, bytes]
"""By path in the repository."""
Stream = IO[bytes]


def checksum(files: Files) -> str:
    """What `find FOLDER -type f | LC_ALL=C sort | xargs sha256sum | sha256sum` says in the repository.

    Of the files and not of the archive, since GitHub may pack the same files into another archive one day.
    """
    lines = (f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files))
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def obtained(tree: Tree) -> Path:
    """The repository's root in the cache, with only the folder in it; fetched if need be. Raises `ChartError`."""
    root = cached(tree)
    if _intact(root, tree):
        return root
    if reason := _offline().why(tree.url):
        raise ChartError(
            f"{tree} cannot be fetched: {reason}; run once with a connection, or put a checkout of it into the cache"
        )
    return _kept(tree, _fetched(tree), tree.url)


def add_checkout(tree: Tree, repository: Path) -> Path:
    """Puts a tree into the cache from a clone that has the ref, or from a plain copy. Raises `ChartError`."""
    command = ["git", "-C", str(repository), "archive", "--format=tar", f"--prefix={_plain(tree.ref)}/", tree.ref]
    is_clone = (repository / ".git").exists() or (repository / "HEAD").is_file()
    if not is_clone:
        found = ((path.relative_to(repository).as_posix(), path) for path in (repository / tree.folder).rglob("*"))
        return _kept(tree, {name: path.read_bytes() for name, path in sorted(found) if path.is_file()}, str(repository))
    with tempfile.TemporaryFile() as packed:
        done = subprocess.run([*command, "--", tree.folder], stdout=packed, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise ChartError(f"{repository} does not have {tree}: {said}; give a clone that has this tag or commit")
        packed.seek(0)
        return _kept(tree, _unpacked(packed, tree, "r:"), str(repository))


def cached(tree: Tree) -> Path:
    owner, _, name = tree.project.partition("/")
    digest = hashlib.sha256(f"{tree.folder}\n{tree.checksum}".encode()).hexdigest()
    return cache_dir() / "manifests-src" / f"{owner}+{name}@{_plain(tree.ref)}-{digest[:SHOWN]}"


def _plain(ref: str) -> str:
    return ref.replace("/", "+")


def _offline() -> Offline:
    return Offline(cache_dir() / "manifests-src" / ".offline.json")


def _intact(root: Path, tree: Tree) -> bool:
    """Whether the cache has it, and nobody has changed a file of it."""
    folder = root / tree.folder
    found = [path for path in folder.rglob("*") if path.is_file()]
    return bool(found) and tree.checksum == checksum(
        {path.relative_to(root).as_posix(): path.read_bytes() for path in found}
    )


def _fetched(tree: Tree) -> Files:
    with tempfile.TemporaryFile() as archive:
        try:
            with httpx2.stream("GET", tree.url, follow_redirects=True, timeout=FETCH_S) as response:
                if response.status_code == NO_SUCH:
                    raise ChartError(
                        f"{tree.project} has no ref {tree.ref} ({tree.url} answers 404): name a tag or commit"
                    )
                response.raise_for_status()
                for block in response.iter_bytes():
                    archive.write(block)
        except httpx2.HTTPError as error:
            reason = f"{tree.url} does not answer ({' '.join(str(error).split()) or type(error).__name__})"
            _offline().note(tree.url, reason)
            raise ChartError(f"{tree} cannot be fetched: {reason}") from error
        archive.seek(0)
        return _unpacked(archive, tree, "r:gz")


def _unpacked(archive: Stream, tree: Tree, mode: str) -> Files:
    """The folder's files; everything in the archive lies below one folder, whose name does not matter."""
    files: dict[str, bytes] = {}
    below = PurePosixPath(tree.folder)
    try:
        with tarfile.open(fileobj=archive, mode=mode) as tar:  # pyright: ignore[reportCallIssue, reportArgumentType]
            for member in tar:
                path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
                if not path.is_relative_to(below) or member.isdir():
                    continue
                content = tar.extractfile(member) if member.isfile() else None
                if content is None or ".." in path.parts:
                    raise ChartError(f"{tree} has {path}, which is not a plain file: name a folder without it")
                files[path.as_posix()] = content.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ChartError(f"{tree}: what was fetched is not a readable archive ({error})") from error
    return files


def _kept(tree: Tree, files: Files, origin: str) -> Path:
    """Moves the files into the cache in one step, if they are what they should be."""
    if not files:
        raise ChartError(
            f"{tree.project} has no folder {tree.folder} at {tree.ref} (from {origin}): correct the folder"
        )
    if (found := checksum(files)) != tree.checksum:
        raise ChartError(
            f"{tree} has the checksum {found}, pinned is {tree.checksum}: if you changed the ref, look at what changed "
            f"upstream and pin the new one; if you did not, somebody moved the ref, so do not install it"
        )
    root = cached(tree)
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".new-") as staged:
        _write(Path(staged) / "tree", files)
        place_folder(Path(staged) / "tree", root, Path(staged) / "old")
    return root


def _write(root: Path, files: Files) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
