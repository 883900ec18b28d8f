"""lint, docs and lock: for whoever works on the project itself."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from cnai.errors import UserError
from cnai.paths import project_dir

LINTERS = (("ruff", "check"), ("ruff", "format", "--check"), ("basedpyright",))
SHIPPED = ("aws", "azure", "gcp", "policy", "sandbox")
LOCKS = {"requirements.lock": SHIPPED, "requirements-dev.lock": (*SHIPPED, "dev")}
"""Each lock file with the extras that it holds."""
COMPILE = (
    *("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-header", "pyproject.toml"),
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
    for name, extras in LOCKS.items():
        chosen = [word for extra in extras for word in ("--extra", extra)]
        if code := run([program("uv"), *COMPILE, *chosen, "--output-file", name], quiet=True):
            return code
    return 0


def run(command: Sequence[str], *, quiet: bool = False) -> int:
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, cwd=project_dir(), stdout=output, check=False).returncode
