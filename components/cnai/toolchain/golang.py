"""The Go that builds tools: from PATH if recent enough, else the wheel, kept in the cache."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cnai.errors import FailedError
from cnai.toolchain.cache import Slot, locked
from cnai.toolchain.progress import Reporter
from cnai.toolchain.sources import GoWheel, go_pin
from cnai.toolchain.versions import Host, Range


@dataclass(frozen=True)
class Go:
    path: Path
    version: str
    from_path: bool

    def environment(self, host: Host) -> dict[str, str]:
        """For reproducible builds: the user's proxies and caches, nothing else of the user's Go settings."""
        kept = {name: value for name, value in os.environ.items() if name not in ("GOEXPERIMENT", "GODEBUG")}
        if not self.from_path:
            kept.pop("GOROOT", None)
        fixed = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
        return kept | fixed | {"GOTOOLCHAIN": "local", "GOOS": host.os, "GOARCH": host.arch}


def go_on_path() -> Go | None:
    """The Go on PATH, recent enough or not."""
    path = shutil.which("go")
    if path is None:
        return None
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    try:
        answer = subprocess.run([path, "version"], capture_output=True, text=True, timeout=20, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\bgo(\d+(?:\.\d+)+)\b", answer.stdout)
    return Go(Path(path), found[1], from_path=True) if found else None


def wheel_slot(root: Path, host: Host, wheel: GoWheel) -> Slot:
    return Slot(root / "go", wheel.version, str(host), "go/bin/go")


def find_go(root: Path, host: Host, report: Reporter, accepted: Range | None = None) -> Go:
    """A Go that can build; raises `FailedError` where there is none and none can be installed."""
    accepted, on_path = accepted or go_pin().accepted, go_on_path()
    if on_path and accepted.admits(on_path.version):
        return on_path
    wheel = go_pin().wheel_for(accepted)
    slot = wheel_slot(root, host, wheel)
    if slot.flaw():
        with locked(slot.root, report):
            if slot.flaw():
                _install(slot, wheel, report, accepted, found=on_path.version if on_path else "none")
    return Go(slot.path, wheel.version, from_path=False)


def _install(slot: Slot, wheel: GoWheel, report: Reporter, accepted: Range, *, found: str) -> None:
    package = go_pin().package
    report(f"go {wheel.version}: installing the {package} wheel (PATH needs Go {accepted}, it has {found})")
    with slot.staging() as staged:
        pins = staged / "requirements.txt"
        pins.write_text(" ".join([f"{package}=={wheel.version}", *(f"--hash=sha256:{x}" for x in wheel.sha256)]) + "\n")
        problem = _run(_installer(staged, pins))
        if problem is None and not (staged / slot.program).is_file():
            problem = f"it has no {slot.program}"
        if problem:
            raise FailedError(f"no Go {accepted} is on PATH (found: {found}) and the {package} wheel fails: {problem}")
        slot.put(staged, "download")


def _installer(staged: Path, pins: Path) -> list[str]:
    where = ["install", "--quiet", "--no-deps", "--require-hashes", "--target", str(staged), "-r", str(pins)]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", *where, "--no-user", "--disable-pip-version-check", "--only-binary=:all:"]
    beside = Path(sys.executable).parent
    uv = shutil.which("uv", path=os.pathsep.join((str(beside), os.environ.get("PATH", os.defpath))))
    return [uv, "pip", *where, "--python", sys.executable] if uv else []


def _run(command: list[str]) -> str | None:
    """The last line of what went wrong, None if nothing did."""
    if not command:
        return "neither pip nor uv is there"
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return None if done.returncode == 0 else (lines[-1] if lines else f"exit status {done.returncode}")
