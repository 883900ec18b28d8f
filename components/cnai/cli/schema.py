"""`cnai schema`: the JSON Schema that editors use to complete stack files."""

import typer

from cnai.cli.console import out
from cnai.paths import project_dir


def register(app: typer.Typer) -> None:
    app.command()(schema)


def schema() -> None:
    """Write stacks/schema.json from the environment's types."""
    from cnai.environment import write_schema

    path = project_dir() / "stacks" / "schema.json"
    write_schema(path)
    out.print(f"wrote {path}", highlight=False)
