"""Where the sandbox keeps things: a cache per user, and `.cnai/` per project and environment."""

import os
from dataclasses import dataclass
from pathlib import Path

from cnai.errors import UserError


def cache_dir() -> Path:
    """The per-user cache: `$CNAI_CACHE`, else `$XDG_CACHE_HOME/cnai`, else `~/.cache/cnai`."""
    if given := os.environ.get("CNAI_CACHE"):
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cnai"


def project_dir(start: Path | None = None) -> Path:
    """The folder with `Pulumi.yaml` at or above `start` (default: where the command runs), or `$CNAI_PROJECT`.

    Raises `UserError` where there is none.
    """
    if given := os.environ.get("CNAI_PROJECT"):
        return Path(given).absolute()
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder
    raise UserError(f"no Pulumi.yaml in {here} or above it: run cnai inside a project, or set CNAI_PROJECT to one")


@dataclass(frozen=True)
class SandboxDir:
    """`.cnai/<env>`: everything that one environment's sandbox writes."""

    root: Path

    @classmethod
    def of(cls, project: Path, env: str) -> "SandboxDir":
        return cls(project.absolute() / ".cnai" / env)

    @property
    def env(self) -> str:
        return self.root.name

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def kwok(self) -> Path:
        return self.root / "kwok"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def report(self) -> Path:
        return self.root / "report"

    @property
    def plugins(self) -> Path:
        return self.root / "plugins"

    @property
    def controllers(self) -> Path:
        return self.root / "controllers"

    @property
    def commands(self) -> Path:
        """Stand-ins for the clouds' own command lines."""
        return self.root / "commands"

    @property
    def cloud(self) -> Path:
        """What exists in the simulated cloud."""
        return self.root / "cloud"

    @property
    def faults(self) -> Path:
        """What is to go wrong in the simulated cloud."""
        return self.root / "faults.yaml"
