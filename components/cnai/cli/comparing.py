"""`cnai compare`: the same platform on several clouds, and what each cannot honour."""

from typing import Annotated

import typer

from cnai.cli.console import ExitCode, out, print_json, table
from cnai.cli.target import JsonFlag, Target
from cnai.errors import UserError


def register(app: typer.Typer) -> None:
    app.command()(compare)


def compare(
    envs: Annotated[list[str], typer.Argument(metavar="ENV…", help="Environments to compare.")],
    on: Annotated[str, typer.Option(metavar="CLOUD,…", help="Plan the first one on these clouds as well.")] = "",
    as_json: JsonFlag = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
) -> int:
    """Compare environments: machines, prices, routes, fabrics, storage, and what a cloud cannot honour."""
    from cnai.operations.comparison import compared

    clouds = [cloud.strip() for cloud in on.split(",") if cloud.strip()]
    if len(envs) + len(clouds) < 2:
        raise UserError(f"nothing to compare {envs[0]} with: name another environment, or clouds: --on gcp,azure")
    found = compared([Target.of(env).environment for env in dict.fromkeys(envs)], clouds)
    if as_json:
        print_json(found.as_json())
    elif markdown:
        typer.echo(found.markdown())
    else:
        _show(found.columns, found.rows, set(found.differing))
        misses = table("of", "on", "", "wanted", "why not", title="Not honoured")
        for of, other, each in found.unmet:
            misses.add_row(of, other, each.subject, each.wanted, each.reason)
        out.print(misses if found.unmet else "each can honour what the others ask for")
    return ExitCode.DONE


def _show(columns: tuple[str, ...], rows: tuple[tuple[str, tuple[str, ...]], ...], differing: set[str]) -> None:
    shown = table("", *columns)
    for aspect, cells in rows:
        shown.add_row(f"[bold]{aspect}[/]" if aspect in differing else aspect, *cells)
    out.print(shown)
