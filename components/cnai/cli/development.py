"""lint, docs and lock: for whoever works on the project itself."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from cnai.clouds.extras import extras
from cnai.errors import UserError
from cnai.paths import project_dir

LINTERS = (("ruff", "check"), ("ruff", "format", "--check"), ("basedpyright",))
BASE, BASE_EXTRAS = "base", ("policy",)
"""The lock of what every command may import; those of clouds have only what it lacks."""
EVERYTHING = "dev"
INSTALLER = "installer"
COMPILE = (
    *("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate", "pyproject.toml"),
)


def register(app: typer.Typer) -> None:
    for command in (lint, docs, lock):
        app.command()(command)


def program(name: str) -> str:
    """One of the environment's own programs."""
    found = Path(sys.executable).with_name(name)
    if not found.is_file():
        raise UserError(f"{name} is not installed in {found.parent}: run this through ./cnai, which installs it")
    return str(found)


def lint() -> int:
    """Check style and types."""
    return max(run([program(name), *arguments]) for name, *arguments in LINTERS)


def docs() -> int:
    """Build the documentation site into site/."""
    return run([program("mkdocs"), "build", "--quiet"])


def lock() -> int:
    """Pin the dependencies with hashes, in files that name no registry."""
    folder = project_dir() / "requirements"
    parts = {BASE: BASE_EXTRAS, **{extra.name: (extra.name,) for extra in extras()}}
    everything = (*(name for names in parts.values() for name in names), EVERYTHING)
    if code := compiled(folder, EVERYTHING, everything):
        return code
    for part, names in parts.items():
        # One set of versions: whatever parts come together, they fit.
        if code := compiled(folder, part, names, "--constraint", str(folder / f"{EVERYTHING}.lock")):
            return code
        if part != BASE:
            subtract(folder / f"{part}.lock", folder / f"{BASE}.lock")
    return installer(folder)


def compiled(folder: Path, part: str, names: Sequence[str], *more: str) -> int:
    chosen = [word for name in names for word in ("--extra", name)]
    output = ("--output-file", str(folder / f"{part}.lock"))
    return run([program("uv"), *COMPILE, *chosen, *more, *output], quiet=True)


def subtract(lock: Path, base: Path) -> None:
    there = set(pins(base))
    lock.write_text("".join(pin for pin in pins(lock) if pin not in there))


def pins(lock: Path) -> list[str]:
    """Each package of a lock with its hashes."""
    return [pin for pin in re.split(r"(?m)^(?=\S)", lock.read_text()) if pin.strip()]


def installer(folder: Path) -> int:
    """What brings all others: uv, as the development environment has it."""
    uv = [pin for pin in pins(folder / f"{EVERYTHING}.lock") if pin.startswith("uv==")]
    (folder / f"{INSTALLER}.lock").write_text("".join(uv))
    return 0


def run(command: Sequence[str], *, quiet: bool = False) -> int:
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, cwd=project_dir(), stdout=output, check=False).returncode
