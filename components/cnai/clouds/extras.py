"""What a cloud needs of Python beyond cnai's base, and what to do where it is not installed."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec

from cnai.errors import UserError


@dataclass(frozen=True)
class Extra:
    """One of the distribution's extras: `pip install 'cnai[name]'`."""

    name: str
    modules: tuple[str, ...]
    """Those by which one knows that it is installed."""
    clouds: tuple[str, ...] = ()
    """Whose environments need it."""
    simulates: tuple[str, ...] = ()
    """Whose environments need it in the sandbox."""

    @property
    def lacks(self) -> list[str]:
        return [module for module in self.modules if find_spec(module) is None]


@cache
def extras() -> tuple[Extra, ...]:
    rows = tomllib.loads(files("cnai.clouds").joinpath("extras.toml").read_text(encoding="utf-8"))
    return tuple(Extra(name, **{key: tuple(value) for key, value in row.items()}) for name, row in rows.items())


def needed(cloud: str, *, simulated: bool) -> tuple[Extra, ...]:
    """By the environments on a cloud; none for a cloud that needs nothing more, and for a name that is no cloud."""
    return tuple(each for each in extras() if cloud in each.clouds or (simulated and cloud in each.simulates))


def demand(wanted: Iterable[Extra], cloud: str) -> None:
    """Raises `UserError` with the command that installs what is missing."""
    missing = {each.name: each.lacks for each in wanted if each.lacks}
    if missing:
        modules = ", ".join(module for lacks in missing.values() for module in lacks)
        raise UserError(
            f"environments on {cloud} need {modules}, not installed here: `./cnai install {cloud}` installs what they "
            f"need; in a Python environment of your own, pip install 'cnai[{','.join(missing)}]'"
        )
