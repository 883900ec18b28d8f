"""Fakes for the toolchain: a machine with nothing on it, a Go that counts its builds, a server of releases."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from cnai.toolchain.reach import Reach
from cnai.toolchain.resolve import Toolchain
from cnai.toolchain.sources import Release, Source, Tool, sources
from cnai.toolchain.versions import Host

HOST = Host("linux", "amd64")
NOBODY_LISTENS = "http://127.0.0.1:9"

FAKE_GO = f"""#!{sys.executable}
import os, pathlib, sys
arguments = sys.argv[1:]
if arguments[0] == "version":
    print("go version go@VERSION@ linux/amd64")
elif arguments[0] == "list":
    print(os.environ["FAKE_MODULE_FOLDER"])
elif arguments[0] == "build":
    with open(os.environ["FAKE_GO_BUILDS"], "a") as builds:
        builds.write(" ".join(arguments) + "\\n")
    folder = pathlib.Path(arguments[arguments.index("-o") + 1])
    packages = arguments[arguments.index("-o") + 2 :]
    if fifo := os.environ.get("FAKE_GO_HANGS_ON"):
        (folder / "half").write_text("half a program")
        pathlib.Path(fifo).read_text()
    if (failing := os.environ.get("FAKE_GO_FAILS")) and (failing == "1" or failing in " ".join(packages)):
        print("k8s.io/something", "k8s.io/more", sep="\\n")
        sys.exit("vet: no such host")
    for package in packages:
        elements = [x for x in package.split("/") if not (x[0] == "v" and x[1:].isdigit())]
        (folder / elements[-1]).write_text("#!/bin/sh\\necho built " + elements[-1] + "\\n")
"""


@dataclass
class Machine:
    """A machine with nothing on it; tests put programs, a Go and a cache there."""

    root: Path
    lines: list[str] = field(default_factory=list)

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def has(self, program: str, says: str, status: int = 0) -> Path:
        path = self.bin / program
        path.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
        path.chmod(0o755)
        return path

    def has_go(self, version: str = "1.26.9") -> None:
        path = self.bin / "go"
        path.write_text(FAKE_GO.replace("@VERSION@", version))
        path.chmod(0o755)

    @property
    def builds(self) -> list[str]:
        file = self.root / "builds"
        return file.read_text().splitlines() if file.is_file() else []

    def chain(self, *known: Source, reach: Reach | None = None) -> Toolchain:
        """`known`: in place of the real sources; by default those, with releases and images out of reach."""
        offered = {name: Tool(name, source) for source in known or unreached() for name in source.programs}
        return Toolchain(self.cache, HOST, self.lines.append, reach or Reach(1), known=offered)


def unreached() -> list[Source]:
    return [replace(with_release(source, NOBODY_LISTENS), image=None) for source in sources().values()]


def with_release(source: Source, base: str) -> Source:
    """The source with its release on another server."""
    if source.release is None:
        return source
    url, checksum = (f"{base}/{{tool}}-{{version}}-{{os}}-{{arch}}{suffix}" for suffix in ("", ".sha256"))
    return replace(source, release=Release(systems=("linux",), url=url, checksum=checksum, machines={}))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing on standard error."""


@dataclass(frozen=True)
class ReleaseServer:
    folder: Path
    url: str


def until(happened: Callable[[], object], limit_s: float = 20) -> None:
    """Returns as soon as `happened`; fails the test if it never does."""
    end = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
