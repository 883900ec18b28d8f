"""`cnai install`: the Python packages that an environment's cloud needs, also called by commands that act on one."""

import importlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import cnai
from cnai.cli.console import out
from cnai.clouds.extras import Extra, demand, extras, needed
from cnai.errors import FailedError
from cnai.paths import project_dir
from cnai.stackfiles import read_stack_config

CHECKOUT = Path(cnai.__file__).resolve().parents[2]
"""Only where the library is used from a clone; elsewhere there is no bootstrap."""
EVERYTHING = "dev"


def register(app: typer.Typer) -> None:
    app.command()(install)


def install(
    names: Annotated[list[str], typer.Argument(metavar="ENV|CLOUD…", help="Environments, or clouds.")],
) -> None:
    """Install what environments on a cloud need, real or simulated; other commands do so on first use."""
    known = {cloud for extra in extras() for cloud in (*extra.clouds, *extra.simulates)}
    for name in names:
        if name in known:
            provide(name, simulated=True)
        else:
            provide_for(project_dir(), name, simulated=True)
    out.print("everything is installed", highlight=False)


def provide_for(project: Path, env: str, *, simulated: bool) -> None:
    """What an environment's cloud needs, before anything acts on it."""
    provide(cloud_of(read_stack_config(project, env)), simulated=simulated)


def cloud_of(config: Mapping[str, Any]) -> str:
    """Its name; empty if the stack file has none, or more than one: that is rejected when the whole file is read."""
    cloud = config.get("cnai:cloud")
    return str(next(iter(cloud))) if isinstance(cloud, Mapping) and len(cloud) == 1 else ""


def provide(cloud: str, *, simulated: bool) -> None:
    """Installs what is missing into a clone's own .venv; raises `UserError` if it is not the clone's environment."""
    wanted = needed(cloud, simulated=simulated)
    if Path(sys.prefix).resolve() != CHECKOUT / ".venv" or not (CHECKOUT / "requirements").is_dir():
        demand(wanted, cloud)
    elif stale := [extra for extra in wanted if not up_to_date(extra)]:
        bootstrap(stale)


def up_to_date(extra: Extra) -> bool:
    """Whether .venv was installed from the current lock, or from the one that holds everything."""
    return same(extra.name) or same(EVERYTHING)


def same(part: str) -> bool:
    made_from = Path(sys.prefix) / "made-from" / f"{part}.lock"
    return made_from.is_file() and made_from.read_bytes() == (CHECKOUT / "requirements" / made_from.name).read_bytes()


def bootstrap(parts: Sequence[Extra]) -> None:
    """By the script that created .venv, which reports what it does."""
    variables = os.environ | {"CNAI_PARTS": " ".join(part.name for part in parts)}
    if subprocess.run([CHECKOUT / "cnai"], env=variables, check=False).returncode:
        raise FailedError("the packages that this environment's cloud needs could not be installed (see above)")
    importlib.invalidate_caches()
