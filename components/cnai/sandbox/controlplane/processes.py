"""The processes of this machine: whose they are is told by their command line, never by a pid file alone."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    pid: int
    command: str
    """The arguments joined by blanks; a process that has ended but was not reaped yet has none and is not listed."""

    def is_ours(self, start: str, *parts: str) -> bool:
        return self.command.startswith(start) and all(part in self.command for part in parts)


def running() -> list[Process]:
    """This user's processes (all that can be read)."""
    return list(_from_proc() if (PROC / "self/cmdline").exists() else _from_ps())


def _from_proc() -> Iterable[Process]:
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:  # ended while we looked, or another user's
            continue
        if command:
            yield Process(int(folder.name), command.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace"))


def _from_ps() -> Iterable[Process]:
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        if command and "<defunct>" not in command:
            yield Process(int(pid), command.strip())


def memory_mib(pid: int) -> int:
    """Resident memory; 0 where the process is gone."""
    try:
        if PROC.joinpath("self/statm").exists():
            pages = int((PROC / str(pid) / "statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") // 2**20
        kib = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
        return int(kib or 0) // 1024
    except OSError:
        return 0


def end(find: Callable[[], Mapping[str, int]], grace_s: float) -> None:
    """Ends what `find` finds (name → pid): asks first, and kills what is left after `grace_s`."""
    deadline = time.monotonic() + grace_s
    asked: set[int] = set()
    while left := find():
        late = time.monotonic() >= deadline
        for pid in left.values():
            if late or pid not in asked:
                asked.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        time.sleep(0.02)


def detach(command: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
    """Starts a daemon: a session of its own, nothing inherited but its log. Gives the pid."""
    log.parent.mkdir(parents=True, exist_ok=True)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
    ]
    return os.posix_spawn(command[0], list(command), dict(environment), file_actions=actions, setsid=True)


def _inheritable() -> list[int]:
    """What the caller has handed on to this process, such as the lock of `flock FILE ./cnai up`: no daemon may keep it.

    Up to 2 are a daemon's own input and log; the listing's own descriptor is among those found, and is gone by now.
    """
    return [number for path in Path("/dev/fd").iterdir() if (number := int(path.name)) > 2 and _is_inheritable(number)]


def _is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False


def bare_environment(**more: str) -> dict[str, str]:
    """For daemons: the caller's proxies, credentials and Go settings are none of their business."""
    kept = ("HOME", "LANG", "PATH", "TMPDIR", "USER")
    return {name: os.environ[name] for name in kept if name in os.environ} | more
