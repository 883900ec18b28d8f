"""Runs the pulumi CLI as a child that cannot outlive this process, and reads its events as they happen."""

import os
import select
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cnai.engine.events import Event, parse
from cnai.engine.orphans import leashed

OnEvent = Callable[[Event], None]
_POLL_S = 0.05
_CHUNK = 1 << 16


@dataclass
class Outcome:
    """How a run of the engine ended."""

    status: int
    """Exit status; negative: the signal that ended it."""
    stderr: str
    events: list[Event] = field(default_factory=list[Event])
    """Diagnostics, policy violations and the summary; steps are only streamed."""
    interrupted: bool = False


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    inherit: Sequence[int],
    on_event: OnEvent,
) -> Outcome:
    """Runs an operation of the engine to its end; `--event-log` is added.

    The child leads its own process group: Ctrl-C reaches only this process, which tells the engine to wind up; a
    second one kills it.
    """
    with tempfile.TemporaryDirectory(prefix="cnai-") as folder, tempfile.TemporaryFile() as stderr:
        log = Path(folder) / "events"
        os.mkfifo(log, 0o600)
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
        try:
            process = _spawn([*command, "--event-log", log], env=env, cwd=cwd, inherit=inherit, stderr=stderr)
            outcome = Outcome(0, "")
            try:
                with _interruptible(process, outcome):
                    _follow(process, reader, outcome, on_event)
            except BaseException:
                process.kill()
                raise
            finally:
                outcome.status = process.wait()
        finally:
            os.close(reader)
        stderr.seek(0)
        outcome.stderr = stderr.read().decode(errors="replace")
        return outcome


def _spawn(
    command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, inherit: Sequence[int], stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        leashed(command),
        env={**env, "PULUMI_DEBUG_COMMANDS": "true"},
        cwd=cwd,
        pass_fds=inherit,
        process_group=0,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )


def call(command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, inherit: Sequence[int]) -> int:
    """Runs the pulumi CLI on this terminal, as if it had been started by hand: it answers Ctrl-C itself."""
    before = signal.signal(signal.SIGINT, _leave_it_to_the_child) if _in_main_thread() else None
    try:
        return subprocess.run(leashed(command), env=env, cwd=cwd, pass_fds=inherit, check=False).returncode
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _leave_it_to_the_child(signum: int, frame: object) -> None:
    """Not `SIG_IGN`, which the child would inherit."""
    del signum, frame


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _interruptible(process: subprocess.Popen[bytes], outcome: Outcome) -> Generator[None]:
    def interrupt(signum: int, frame: object) -> None:
        del signum, frame
        process.send_signal(signal.SIGKILL if outcome.interrupted else signal.SIGINT)
        outcome.interrupted = True

    if not _in_main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _follow(process: subprocess.Popen[bytes], reader: int, outcome: Outcome, on_event: OnEvent) -> None:
    for line in _lines(process, reader):
        event = parse(line)
        if event is None:
            continue
        if event.kind in ("diagnostic", "policy", "summary"):
            outcome.events.append(event)
        on_event(event)


def _lines(process: subprocess.Popen[bytes], reader: int) -> Iterator[bytes]:
    """Whole lines of the event log until the engine has ended; a torn last one is left out."""
    pending = b""
    while True:
        ended = process.poll() is not None
        select.select([reader], [], [], _POLL_S)
        try:
            chunk = os.read(reader, _CHUNK)
        except BlockingIOError:
            chunk = b""
        if not chunk and ended:
            return
        if not chunk:
            # No writer yet, or no more: a FIFO without one is always readable.
            _pause(process)
            continue
        *lines, pending = (pending + chunk).split(b"\n")
        yield from lines


def _pause(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_POLL_S)
    except subprocess.TimeoutExpired:
        return
