"""A project's stack files: where they are, which exist, what one says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnai.documents import read_yaml
from cnai.errors import UserError


def stack_file(project: Path, env: str) -> Path:
    return project / "stacks" / f"Pulumi.{env}.yaml"


def known_environments(project: Path) -> list[str]:
    return sorted(
        path.name.removeprefix("Pulumi.").removesuffix(".yaml")
        for path in stack_file(project, "*").parent.glob("Pulumi.*.yaml")
    )


def read_stack_config(project: Path, env: str) -> Mapping[str, Any]:
    """The `config:` of an environment's stack file; secrets stay as the file has them."""
    path = stack_file(project, env)
    if not path.is_file():
        known = ", ".join(known_environments(project)) or "none yet"
        raise UserError(
            f"no environment {env!r}: {path.relative_to(project)} does not exist (existing: {known}); "
            f"`./cnai init {env}` writes one"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path.relative_to(project)}: not UTF-8 ({error.reason} at byte {error.start})") from error
    document = read_yaml(text, str(path.relative_to(project))) or {}
    config = document.get("config", {}) if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise UserError(f"{path.relative_to(project)}: expected a mapping with a mapping `config:`")
    return config
