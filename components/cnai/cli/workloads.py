"""The environment that the workloads' tests and benchmarks run in: torch and its kin, apart from the platform's own."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cnai.cli.development import program
from cnai.errors import UserError

DISTRIBUTIONS = ("training", "inference")
BENCHMARKS = ("training", "serving")
"""Those of `benchmarks/` that need this environment."""
STAMP = ".made-from"


def python(project: Path, report: Callable[[str], None]) -> Path:
    """Its interpreter. The environment is created on first use and when the lock changes: 5 GB, about a minute."""
    folder, lock = project / ".venv-workloads", project / "workloads" / "requirements.lock"
    wanted = hashlib.sha256(lock.read_bytes() + str(project).encode()).hexdigest()
    stamp, interpreter = folder / STAMP, folder / "bin" / "python"
    if not (interpreter.exists() and stamp.is_file() and stamp.read_text() == wanted):
        report("creating .venv-workloads from workloads/requirements.lock (first use, or it changed): about 5 GB")
        make(folder, lock, project)
        stamp.write_text(wanted)
    return interpreter


def make(folder: Path, lock: Path, project: Path) -> None:
    uv = program("uv")
    steps = [
        [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(folder), "--require-hashes", "-r", str(lock)],
    ]
    for step in steps:
        if subprocess.run(step, check=False).returncode:
            raise UserError(
                f"{folder.name} could not be created (see above): is the Python package registry reachable?"
            )
    site = next(folder.glob("lib/python*/site-packages"))
    sources = (str(project / "workloads" / name / "src") for name in DISTRIBUTIONS)
    (site / "cnai-workloads.pth").write_text("\n".join(sources) + "\n")


def test(
    project: Path,
    arguments: Sequence[str],
    report: Callable[[str], None],
    options: Callable[[str], Sequence[str]],
) -> int:
    """Runs each distribution's own tests, with pytest's `options` for each; the worst exit code."""
    interpreter = python(project, report)
    codes = [
        subprocess.run(
            [interpreter, "-m", "pytest", *options(name), *arguments], cwd=project / "workloads" / name, check=False
        ).returncode
        for name in DISTRIBUTIONS
    ]
    return max(codes)
