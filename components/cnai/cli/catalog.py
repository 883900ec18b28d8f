"""catalog: lists packages and their charts' contents, and checks them against the rules."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnai.cli.console import ExitCode, err, out, print_json, progress, table
from cnai.cli.installing import provide
from cnai.cli.target import JsonFlag
from cnai.errors import UserError
from cnai.paths import cache_dir, project_dir
from cnai.stackfiles import known_environments, read_stack_config

if TYPE_CHECKING:
    from cnai.catalog import Package
    from cnai.locking.pulling import Pulled

catalog = typer.Typer(help="Packages: versions, what their charts hold, licences, mirrors.", no_args_is_help=True)
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME…", help="Packages.")]
EnvsOrNames = Annotated[list[str] | None, typer.Argument(metavar="ENV|NAME…", help="Environments or packages.")]
AllFlag = Annotated[bool, typer.Option("--all", help="Every package.")]


def register(app: typer.Typer) -> None:
    catalog.command("list")(list_packages)
    catalog.command()(show)
    catalog.command()(lock)
    catalog.command()(verify)
    catalog.command()(pull)
    catalog.command()(images)
    app.add_typer(catalog, name="catalog")


def list_packages(as_json: JsonFlag = False) -> None:
    """All packages: version, licence, upstream health, which environments use them."""
    from cnai.catalog import catalog as known

    users = used_by()
    rows = [
        {"package": each.name, "version": each.version, "licence": each.licence, "upstream": each.health.status}
        | {"folder": each.home, "used by": " ".join(users.get(each.name, ()))}
        for each in known().values()
    ]
    if as_json:
        print_json({"packages": rows})
        return
    shown = table(*rows[0])
    for row in rows:
        shown.add_row(*row.values())
    out.print(shown)


def used_by() -> Mapping[str, list[str]]:
    """Package -> environments of this project, as far as their stack files can be read."""
    found: dict[str, list[str]] = {}
    for env in known_environments(project_dir()):
        try:
            names = packages_of(env)
        except UserError as error:
            err.print(f"{env} is left out: {error}", markup=False, highlight=False)
            continue
        for name in names:
            found.setdefault(name, []).append(env)
    return found


def packages_of(env: str) -> tuple[str, ...]:
    from cnai.environment import Environment

    return Environment.load(env, read_stack_config(project_dir(), env)).packages


def show(name: Annotated[str, typer.Argument(metavar="NAME", help="A package.")], as_json: JsonFlag = False) -> None:
    """Show what is known about a package, and what its chart renders."""
    from cnai.locking.files import chosen

    (package,) = chosen([name])
    found = facts(package) | {"used by": used_by().get(name, [])}
    if as_json:
        print_json(found)
        return
    for key, value in found.items():
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        out.print(f"{key:>11}  {text or '-'}", markup=False, highlight=False, soft_wrap=True)


def facts(package: "Package") -> dict[str, Any]:
    from cnai.charts.inputs import source_of
    from cnai.locking.reference import release_of

    lock = package.lock
    return {
        "package": package.name,
        "version": package.version,
        "from": str(source_of(release_of(package))) if package.kind == "helm" else package.archive,
        "project": f"https://github.com/{package.source.project}",
        "namespace": package.namespace,
        "needs": list(package.needs),
        "licence": " ".join(part for part in (package.licence, package.licence_reason) if part),
        "upstream": f"{package.health.status}, seen {package.health.seen} {package.health.note}".strip(),
        "note": package.note,
        "locked": lock.version,
        "images": list(package.images),
        "kinds": [f"{crd.kind}.{crd.group}" for crd in lock.crds],
        "workloads": [f"{each.kind}/{each.name.replace('{release}', package.release_name)}" for each in lock.workloads],
        "services": [each.name.replace("{release}", package.release_name) for each in lock.services],
        "exceptions": [f"{each.rule} for {each.resource}" for each in package.exceptions],
    }


def lock(names: Names = None, every: AllFlag = False) -> None:
    """Render the real chart of each package with our values, and record what is in it."""
    from cnai.locking import files
    from cnai.render.charts import LateHelm

    report, packages = progress(), files.chosen(asked(names, every=every))
    prepare(packages)
    done = files.lock(packages, LateHelm(report), report)
    changed = [each.package for each in done if each.changed]
    out.print(f"{len(done)} locked, {len(changed)} of them changed: {', '.join(changed) or 'none'}", highlight=False)


def prepare(packages: "Sequence[Package]") -> None:
    """Installs what the reference environments of the packages need, which run the components of their clouds."""
    from cnai.locking.reference import cloud_of

    for cloud in sorted({cloud_of(package) for package in packages}):
        provide(cloud, simulated=False)


def asked(names: Sequence[str] | None, *, every: bool) -> Sequence[str]:
    """Naming none means all, which must be explicit."""
    if bool(names) == every:
        raise UserError("name packages, or pass --all")
    return names or ()


def verify(names: Names = None, as_json: JsonFlag = False) -> int:
    """Check packages and locks against the rules, without their charts. Exit 1 if a rule is broken."""
    from cnai.locking.files import chosen
    from cnai.locking.verifying import verified

    packages = chosen(names or ())
    prepare(packages)
    found = verified(packages, datetime.now(UTC).date())
    if as_json:
        print_json({"findings": [asdict(each) for each in found], "packages": len(packages)})
    else:
        for each in found:
            colour = "red" if each.level == "error" else "yellow"
            out.print(f"[{colour}]{each.level}:[/] ", end="")
            out.print(f"{each.package} {each.text}", markup=False, highlight=False, soft_wrap=True)
        broken = len({each.package for each in found if each.level == "error"})
        out.print(f"{len(packages)} packages, {broken} of them break a rule", highlight=False)
    return ExitCode.FAILED if any(each.level == "error" for each in found) else ExitCode.DONE


def pull(
    names: EnvsOrNames = None,
    every: AllFlag = False,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="A portable cache, instead of your own.")
    ] = None,
    as_json: JsonFlag = False,
) -> int:
    """Fetch charts and CRD files, for machines without internet. Exit 1 if one is not available."""
    from cnai.locking.pulling import pull as into_cache
    from cnai.render.charts import LateHelm

    report = progress()
    cache = (into or cache_dir()).absolute()
    done = into_cache(named(asked(names, every=every)), cache, LateHelm(report), report)
    told(done, cache, as_json=as_json)
    return ExitCode.FAILED if any(each.problem for each in done) else ExitCode.DONE


def told(done: Sequence["Pulled"], cache: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"cache": str(cache), "files": [asdict(each) for each in done]})
        return
    there = sum(each.file is not None for each in done)
    out.print(f"{there} of {len(done)} files are in {cache}", highlight=False, soft_wrap=True)
    if any(each.file is None for each in done):
        out.print("On a machine with internet: `cnai catalog pull … --into DIR`; here: CNAI_CACHE=DIR", highlight=False)


def named(names: Sequence[str]) -> "list[Package]":
    """Packages by name, and those of environments; all if none are named."""
    from cnai.locking.files import chosen

    envs = known_environments(project_dir()) if names else []
    found: dict[str, None] = {}
    for name in names:
        found |= dict.fromkeys(packages_of(name) if name in envs else (name,))
    return chosen(list(found)) if found or not names else []


def images(names: EnvsOrNames = None, as_json: JsonFlag = False) -> None:
    """List every image nodes pull, one per line, for a mirror; of all packages if none are named."""
    found = {each.name: [*each.images, *each.runtimes.values()] for each in named(names or ())}
    if as_json:
        print_json({"images": found})
        return
    for image in sorted({image for each in found.values() for image in each}):
        out.print(image, markup=False, highlight=False, soft_wrap=True)
