"""What the pools of each environment cost an hour at list prices, in two checkouts; a Markdown table.

Usage: cost.py BEFORE AFTER
"""

import sys
from pathlib import Path

from cnai.environment import Environment, read_yaml
from cnai.errors import UserError


def prices(project: Path) -> dict[str, tuple[float, float] | str]:
    """Environment -> dollars an hour at `min` and at `max` of all pools, or why there is none."""
    files = sorted((project / "stacks").glob("Pulumi.*.yaml"))
    return {file.stem.removeprefix("Pulumi."): price(file) for file in files}


def price(file: Path) -> tuple[float, float] | str:
    try:
        config = (read_yaml(file.read_text(), str(file)) or {}).get("config") or {}
        pools = Environment.load(file.stem.removeprefix("Pulumi."), config).pools.values()
    except UserError as error:
        return str(error).splitlines()[0]
    least, most = (
        sum(size(pool) * pool.machine.price_usd_per_hour for pool in pools)
        for size in (lambda pool: pool.min, lambda pool: pool.max)
    )
    return least, most


def row(env: str, before: tuple[float, float] | str | None, after: tuple[float, float] | str | None) -> str:
    cells = [cell(before, index) + " → " + cell(after, index) for index in (0, 1)]
    both = isinstance(before, tuple) and isinstance(after, tuple)
    change = (
        f"{after[1] - before[1]:+,.2f}"
        if both
        else next((each for each in (after, before) if isinstance(each, str)), "")
    )
    return f"| {env} | {cells[0]} | {cells[1]} | {change} |"


def cell(found: tuple[float, float] | str | None, index: int) -> str:
    return "none" if found is None else "?" if isinstance(found, str) else f"{found[index]:,.2f}"


def table(before: Path, after: Path) -> str:
    old, new = prices(before), prices(after)
    rows = [row(env, old.get(env), new.get(env)) for env in sorted(old.keys() | new.keys())]
    head = ["| environment | $/hour at min | $/hour at max | change at max |", "|---|---|---|---|"]
    return "\n".join(["### Cost", "", *head, *rows])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(table(*map(Path, sys.argv[1:])))
