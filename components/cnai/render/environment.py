"""An environment as the resources that it declares, with everything inside its charts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cnai.charts.errors import ChartError
from cnai.charts.sources import Origin, of_directory, of_files
from cnai.charts.tokens import COMPONENTS, RELEASE
from cnai.policy.model import Resource
from cnai.policy.values import SECRET, SENTINELS, UNKNOWN, plain
from cnai.render.charts import NotAtHand, Renderer
from cnai.render.program import declared
from cnai.render.recording import CLUSTER, Registered, made_up_id

CHART = "Chart"


@dataclass(frozen=True)
class NotRendered:
    """A part of the environment that is not among its resources, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Rendered:
    resources: tuple[Resource, ...]
    not_rendered: tuple[NotRendered, ...]
    charts: tuple[str, ...]
    """Those that were rendered, with their versions."""


def render(project: Path, env: str, config: Mapping[str, Any], renderer: Renderer | None) -> Rendered:
    """Without a renderer only what the program declares. Raises `UserError` where it refuses the environment."""
    return of_declared(declared(project, env, config), env, renderer)


def of_declared(registered: Iterable[Registered], env: str, renderer: Renderer | None) -> Rendered:
    missing = list[NotRendered]()
    resources, charts = list[Resource](), list[str]()
    registered = list(registered)
    for each in registered:
        if renderer and each.type == RELEASE:
            renderer.make_bundle(each.inputs)
    for each in registered:
        body = plain(each.inputs)
        if not each.type.startswith(CLUSTER):
            # Other resources refer to it.
            body.setdefault("id", made_up_id(each.name))
        resources.append(Resource(body, type=each.type, logical_name=each.name, source=env))
        if renderer is None:
            continue
        source = f"{env}: {_title(each)}"
        try:
            found, reasons = _children(renderer, each)
        except (NotAtHand, ChartError) as error:
            found, reasons = [], [str(error)]
        else:
            if each.type == RELEASE or COMPONENTS.get(each.type) == CHART:
                charts.append(_title(each))
        missing += [NotRendered(source, reason) for reason in reasons]
        resources += [Resource(known(obj), source=source) for obj in map(without_secrets, found)]
    return Rendered(tuple(resources), tuple(missing), tuple(charts))


def _children(renderer: Renderer, each: Registered) -> tuple[list[dict[str, Any]], list[str]]:
    """What stands behind a resource of the program: objects, and why some are missing."""
    if each.type == RELEASE:
        return renderer.release(each.name, each.inputs), []
    match COMPONENTS.get(each.type):
        case "Chart":
            return renderer.release(each.name, each.inputs | {"name": each.inputs.get("name") or each.name}), []
        case "ConfigGroup":
            return renderer.group(each.inputs)
        case "ConfigFile":
            return renderer.placed(of_files(str(each.inputs["file"]), Origin()), "default"), []
        case "Directory":
            return renderer.placed(of_directory(str(each.inputs["directory"])), "default"), []
        case _:
            return [], []


def _title(each: Registered) -> str:
    chart = str(each.inputs.get("chart") or "")
    if not chart:
        return each.name
    return " ".join(part for part in ("chart", chart.rpartition("/")[2], str(each.inputs.get("version") or "")) if part)


def without_secrets(obj: dict[str, Any]) -> dict[str, Any]:
    """Charts write passwords and keys of their own making into Secrets."""
    if (obj.get("apiVersion"), obj.get("kind")) != ("v1", "Secret"):
        return obj
    hidden = {key: dict.fromkeys(obj[key], SECRET) for key in ("data", "stringData") if isinstance(obj.get(key), dict)}
    return obj | hidden


def known(value: Any) -> Any:
    """A text that a chart has built of a value which is not known yet is not known either."""
    if isinstance(value, dict):
        return {key: known(each) for key, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [known(each) for each in cast("list[Any]", value)]
    return UNKNOWN if isinstance(value, str) and any(mark in value for mark in SENTINELS) else value


def objects(resources: Iterable[Resource]) -> Iterator[Resource]:
    """Those that are Kubernetes objects, and not components, providers or releases."""
    return (
        each for each in resources if each.body.get("apiVersion") and each.body.get("kind") and ":" not in each.kind
    )
