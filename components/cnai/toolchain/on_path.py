"""A suitable version of a tool on PATH."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cnai.toolchain.versions import Probe, Range


@dataclass(frozen=True)
class Found:
    path: Path
    version: str


def found_on_path(program: str, probe: Probe | None, accepted: Range | None) -> Found | None:
    """The first on PATH if its version will do; a tool that cannot tell its version is not taken from there."""
    path = shutil.which(program)
    if path is None or probe is None or accepted is None:
        return None
    version = told_version(Path(path), probe)
    return Found(Path(path).absolute(), version) if version and accepted.admits(version) else None


def told_version(path: Path, probe: Probe) -> str | None:
    """The version that a program tells; None where it does not run or says nothing that fits."""
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        answer = subprocess.run(
            [str(path), *probe.arguments], capture_output=True, text=True, timeout=20, env=environment, check=False
        )
    except (OSError, UnicodeDecodeError, subprocess.TimeoutExpired):
        return None
    told = re.search(probe.pattern, answer.stdout + answer.stderr)
    return told[1] if told and answer.returncode == 0 else None
