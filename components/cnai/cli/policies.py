"""policy: lists and explains the rules, and exports them for the cluster itself."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from cnai.cli.console import ExitCode, err, out, print_json, table
from cnai.cli.target import EnvArgument, JsonFlag
from cnai.errors import UserError
from cnai.paths import project_dir
from cnai.stackfiles import read_stack_config

if TYPE_CHECKING:
    from cnai.policy.exporting import Export

policy = typer.Typer(help="List, explain and export the rules.", no_args_is_help=True)


class Form(Enum):
    VAP = "vap"
    KYVERNO = "kyverno"


FormOption = Annotated[Form, typer.Option("--format", help="ValidatingAdmissionPolicy, or Kyverno's ValidatingPolicy.")]
FolderOption = Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write one file per policy.")]
ExemptOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exempt-namespace", metavar="NAME", help="Exempt this namespace instead of kube-system; may be repeated."
    ),
]
EXEMPT = ("kube-system",)
"""Clouds run their own agents there, with permissions and mounts that the rules reject."""


def register(app: typer.Typer) -> None:
    policy.command("list")(list_rules)
    policy.command("explain")(explain)
    policy.command("export")(export)
    policy.command("config")(config)
    app.add_typer(policy, name="policy")


def list_rules(as_json: JsonFlag = False) -> None:
    """List all packs with their rules."""
    from cnai.policy.packs import packs, rules_of

    rows = [
        {"pack": pack.name, "level": pack.level.value, "rule": rule.id, "severity": rule.severity.value}
        | {"title": rule.title}
        for pack in packs().values()
        for rule in rules_of([pack]).values()
    ]
    if as_json:
        print_json({"rules": rows})
        return
    shown = table("pack", "level", "rule", "severity", "title")
    for row in rows:
        shown.add_row(*row.values())
    out.print(shown)


def explain(rule: Annotated[str, typer.Argument(metavar="RULE", help="Its id.")], as_json: JsonFlag = False) -> None:
    """Show what a rule requires, why, and what to change."""
    from cnai.policy.frameworks import answered
    from cnai.policy.loading import rules
    from cnai.policy.packs import packs
    from cnai.problems import nearest

    found = rules().get(rule)
    if found is None:
        raise UserError(f"no such rule: {nearest(rule, list(rules()))}; `./cnai policy list` lists all")
    told: dict[str, Any] = {
        "rule": found.id,
        "title": found.title,
        "why": found.why,
        "change": found.remediation,
        "severity": found.severity.value,
        "frameworks": answered(found),
        "packs": {pack.name: pack.level.value for pack in packs().values() if rule in pack.rules},
        "looks_at": list(found.applies),
        "enforced_by": ["previews", "checks", *(["the cluster itself"] if found.is_data else [])],
        "fixed_where_remediated": found.fixable,
    }
    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        out.print(f"[bold]{name.replace('_', ' ')}[/]: ", end="")
        out.print(_line(value), markup=False, highlight=False)


def _line(value: Any) -> str:
    if isinstance(value, dict):
        lists = any(isinstance(each, list) for each in value.values())
        between, after = ("; ", ":") if lists else (", ", "")
        return between.join(f"{key}{after} {_line(each)}" for key, each in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def export(
    env: EnvArgument,
    form: FormOption = Form.VAP,
    output: FolderOption = None,
    exempt: ExemptOption = None,
    warn: Annotated[bool, typer.Option("--warn", help="Only warn and audit, whatever the level.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Write the rules that the cluster itself can enforce, for kubectl apply, and report those it cannot."""
    from cnai.environment import Environment
    from cnai.policy.config import exceptions, exceptions_of_packages, levels
    from cnai.policy.exporting import Wishes, exported

    environment = Environment.load(env, read_stack_config(project_dir(), env))
    policies = environment.policies
    overlooked = [*exceptions(policies), *exceptions_of_packages(environment.packages)]
    wishes = Wishes(kyverno=form is Form.KYVERNO, exempt_namespaces=exempt or EXEMPT, warn_only=warn)
    made = exported(levels(policies), overlooked, wishes)
    files = write(made, output) if output else []
    if as_json:
        print_json({"files": [str(each) for each in files], **made.told})
        return ExitCode.DONE
    if not output:
        out.file.write(yaml.safe_dump_all(made.objects, sort_keys=False, width=120))
    for line in made.lines:
        err.print(line, markup=False, highlight=False)
    return ExitCode.DONE


def config(env: EnvArgument) -> int:
    """Print an environment's policy settings, for `pulumi --policy-pack policies --policy-pack-config FILE`."""
    from cnai.environment import Environment
    from cnai.policy.config import of_environment

    print_json(of_environment(Environment.load(env, read_stack_config(project_dir(), env))))
    return ExitCode.DONE


def write(made: "Export", folder: Path) -> list[Path]:
    """Replaces an earlier export in the folder. Raises `UserError` if it has other files."""
    folder.mkdir(parents=True, exist_ok=True)
    old = list(folder.glob("cnai-*.yaml"))
    if strange := sorted(path.name for path in folder.iterdir() if path not in old):
        raise UserError(f"{folder} has other files ({strange[0]}): give a new or empty folder")
    for path in old:
        path.unlink()
    files: list[Path] = []
    for name, objects in made.policies.items():
        files.append(folder / f"{name}.yaml")
        files[-1].write_text(yaml.safe_dump_all(objects, sort_keys=False, width=120), encoding="utf-8")
    return files
