"""`cnai init ENV`: writes a validated stack file."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from cnai.cli.console import out
from cnai.cli.target import YesFlag
from cnai.clouds.pools import POOL_LABEL
from cnai.errors import UserError
from cnai.paths import project_dir
from cnai.stackfiles import stack_file

SCHEMA_LINE = "# yaml-language-server: $schema=schema.json\n"


def register(app: typer.Typer) -> None:
    app.command(name="init")(initialise)


def initialise(
    env: Annotated[str, typer.Argument(metavar="ENV", help="The new environment's name, such as staging.")],
    cloud: Annotated[str | None, typer.Option(help="Where it runs.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A cloud setting, such as region=us-east-1; may be repeated."),
    ] = None,
    accelerator: Annotated[
        list[str] | None, typer.Option(help="An accelerator to create a pool for; may be repeated.")
    ] = None,
    max_nodes: Annotated[int | None, typer.Option(help="Maximum nodes per accelerator pool.")] = None,
    team: Annotated[str | None, typer.Option(help="The first team.")] = None,
    yes: YesFlag = False,
) -> None:
    """Write stacks/Pulumi.ENV.yaml from flags, or from answers to prompts on a terminal."""
    from cnai.environment.environment import checked_name

    project = project_dir()
    path = stack_file(project, checked_name(env))
    if path.exists():
        raise UserError(f"{path.relative_to(project)} exists already: edit it, or choose another name than {env!r}")
    ask = asker(interactive=sys.stdin.isatty() and not yes)
    where = ask("Cloud", cloud, "local")
    config = stack_config(
        cloud=where,
        settings=settings_of(where, setting or [], ask),
        accelerators=accelerator
        or [
            word
            for word in ask("Accelerators (comma-separated, empty for none)", None, "").replace(" ", "").split(",")
            if word
        ],
        max_nodes=ask("Maximum nodes per accelerator pool", max_nodes, 2),
        team=ask("First team", team, "research"),
    )
    write(path, env, config)
    out.print(f"wrote {path.relative_to(project)}; `./cnai preview {env}` shows what it declares", highlight=False)


def asker(*, interactive: bool) -> Any:
    """A function that returns the flag if given, else prompts for the default's type, else returns the default."""

    def ask(question: str, given: Any, default: Any) -> Any:
        if given is not None:
            return given
        return typer.prompt(question, default=default) if interactive else default

    return ask


def settings_of(cloud: str, given: list[str], ask: Any) -> dict[str, Any]:
    """From `key=value` words; prompts for the cloud's required settings."""
    from cnai.environment.spec import settings_model

    model = settings_model(cloud)
    found: dict[str, Any] = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"--set {word}: write key=value, such as region=us-east-1")
        found[key] = yaml.safe_load(value)
    for key, field in model.model_fields.items():
        if field.is_required() and key not in found:
            answer = ask(field.description or key, None, "")
            if not answer:
                raise UserError(f"{cloud} needs {key}: give --set {key}=…")
            found[key] = yaml.safe_load(answer)
    return found


def stack_config(
    *, cloud: str, settings: dict[str, Any], accelerators: list[str], max_nodes: int, team: str
) -> dict[str, Any]:
    pools: dict[str, Any] = {"system": {"min": 3, "max": 3}}
    for accelerator in accelerators:
        pools[accelerator.lower()] = {"accelerator": accelerator, "min": 0, "max": max_nodes}
    if not makes_nodes(cloud, settings):
        # Existing nodes must be labelled to match, or the selectors changed to labels they have; their number is
        # both the minimum and the maximum.
        pools = {name: {**pool, "min": pool["max"], "selector": {POOL_LABEL: name}} for name, pool in pools.items()}
    features: dict[str, Any] = {"cert_manager": True}
    if accelerators:
        features |= {"gpu_operator": True, "kubeflow": ["trainer"]}
    return {
        "cnai:cloud": {cloud: settings},
        "cnai:pools": pools,
        "cnai:features": features,
        "cnai:teams": {team: {"gpus": {name.lower(): max_nodes for name in accelerators}}},
    }


def makes_nodes(cloud: str, settings: dict[str, Any]) -> bool:
    """Invalid settings are reported when the whole file is validated."""
    from cnai.environment.spec import settings_model

    try:
        return settings_model(cloud).model_validate(settings).makes_nodes
    except ValueError:
        return True


def write(path: Path, env: str, config: dict[str, Any]) -> None:
    """Validated first, so that a file that `up` would reject is never written."""
    from cnai.environment import Environment

    Environment.load(env, config)
    path.write_text(SCHEMA_LINE + yaml.safe_dump({"config": config}, sort_keys=False))
