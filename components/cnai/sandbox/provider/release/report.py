"""What the sandbox says about each release: which rung of the ladder it is on, and what was left out."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from cnai.charts.schemas import From
from cnai.files import write_atomically
from cnai.paths import SandboxDir
from cnai.sandbox.provider.release.strip import LeftOut


@dataclass(frozen=True)
class RealController:
    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Report:
    package: str
    release: str
    namespace: str
    version: str
    rung: Literal["chart", "stand-in"]
    why: str
    """Why it is not the real chart, "" where it is."""
    controller: RealController | None = None
    left_out: Sequence[LeftOut] = ()
    unchecked: Sequence[str] = ()
    crds_from: From = "none"
    objects: int = 0
    notes: Sequence[str] = ()
    """Where the sandbox does more, or other things, than Helm would."""

    def save(self, sandbox: SandboxDir) -> None:
        sandbox.report.mkdir(parents=True, exist_ok=True)
        write_atomically(_file(sandbox, self.namespace, self.release), json.dumps(asdict(self), indent=1))


def forget(sandbox: SandboxDir, namespace: str, release: str) -> None:
    _file(sandbox, namespace, release).unlink(missing_ok=True)


def _file(sandbox: SandboxDir, namespace: str, release: str) -> Path:
    return sandbox.report / f"{namespace}.{release}.json"
