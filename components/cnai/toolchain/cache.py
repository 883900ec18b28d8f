"""The per-user cache of tools: one folder per tool, version and machine; whole or not there at all."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cnai.errors import FailedError
from cnai.toolchain.progress import Reporter

MANIFEST = "manifest.json"
UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT}
FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class Manifest:
    """What the program in a slot looked like when it was put there, so that damage is noticed."""

    version: str
    origin: str
    size: int
    sha256: str
    mtime_ns: int
    source: str = ""
    """Where exactly it came from, where the version does not say: an image with its digest."""


@dataclass(frozen=True)
class Slot:
    """`tools/<tool>/<version>-<os>-<arch>/`: the program, its manifest and its `share/`."""

    root: Path
    """`tools/<tool>`: also holds the lock and what is being made."""
    version: str
    host: str
    program: str
    """The program's path inside the slot."""
    share: tuple[str, ...] = ()
    """Folders that `share/` must have."""

    @property
    def folder(self) -> Path:
        return self.root / f"{self.version}-{self.host}"

    @property
    def path(self) -> Path:
        return self.folder / self.program

    def flaw(self, *, thorough: bool = False) -> str | None:
        """Why it cannot be used, None if it can. `thorough` reads the program even where its date is as it was."""
        manifest = self.manifest()
        if manifest is None:
            return "its manifest is missing or unreadable"
        try:
            found = self.path.stat()
        except OSError as error:
            return f"{self.program} is missing ({error.strerror})"
        if found.st_size != manifest.size:
            return f"{manifest.size} bytes expected, {found.st_size} found"
        missing = [name for name in self.share if not any((self.folder / "share" / name).glob("*"))]
        if missing:
            return f"its {', '.join(missing)} are missing"
        if thorough or found.st_mtime_ns != manifest.mtime_ns:
            return self._content_flaw(manifest)
        return None

    def _content_flaw(self, manifest: Manifest) -> str | None:
        if digest(self.path) != manifest.sha256:
            return "its content is not what was put there"
        # A copied cache has new dates: set back, so that it is read whole once. A read-only one is read each time.
        with suppress(OSError):
            os.utime(self.path, ns=(manifest.mtime_ns, manifest.mtime_ns))
        return None

    def put(self, staged: Path, origin: str, source: str = "") -> None:
        """Makes a finished folder the slot's content, in one step; the caller holds the lock."""
        program = staged / self.program
        program.chmod(0o755)
        stat = program.stat()
        manifest = Manifest(self.version, origin, stat.st_size, digest(program), stat.st_mtime_ns, source)
        told = {key: value for key, value in asdict(manifest).items() if value != ""}
        (staged / MANIFEST).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        for file in (program, *staged.glob("*.json"), *staged.glob("share/*/*"), staged):
            _flush(file)
        if self.folder.exists():
            discarded = self.root / f".staging-discarded-{os.getpid()}"
            self.folder.rename(discarded)
            shutil.rmtree(discarded, ignore_errors=True)
        staged.rename(self.folder)
        _flush(self.root)

    @contextmanager
    def staging(self) -> Generator[Path]:
        """An empty folder to make the content in; the caller holds the lock, so older ones are leavings of a crash."""
        for stale in self.root.glob(".staging-*"):
            shutil.rmtree(stale, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=".staging-", dir=self.root))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def manifest(self) -> Manifest | None:
        """What was written down when the program was put there; None where that is missing or damaged."""
        try:
            return Manifest(**json.loads((self.folder / MANIFEST).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


@contextmanager
def locked(root: Path, report: Reporter) -> Generator[int]:
    """Holds `tools/<tool>/.lock`; gives its descriptor, so that a build that outlives us keeps it."""
    with writable(root):
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / ".lock").open("a+", encoding="utf-8")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"{root.name}: another process is getting it, waiting for that")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


@contextmanager
def writable(folder: Path) -> Generator[None]:
    """Says in one sentence that the cache cannot be written to."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise FailedError(
                f"no space is left in {folder}: free some, or set CNAI_CACHE to a roomier folder"
            ) from error
        if error.errno in UNWRITABLE:
            raise FailedError(
                f"cannot write to the cache folder {folder} ({error.strerror}) and it lacks {folder.name}: "
                "make it writable, or set CNAI_CACHE to a folder that is"
            ) from error
        raise


def digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
