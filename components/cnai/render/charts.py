"""Helm releases and manifest components as the objects that they bring, from what is at hand."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import yaml

from cnai.catalog import catalog
from cnai.charts import documents, sources
from cnai.charts.errors import ChartError
from cnai.charts.finding import Charts, Missing
from cnai.charts.helm import Helm, HelmError
from cnai.charts.inputs import Release, checked
from cnai.charts.kustomize.bundle import Bundle, at_home, home, missing, package_at
from cnai.charts.offline import Offline
from cnai.charts.published import publisher
from cnai.errors import UserError
from cnai.paths import cache_dir
from cnai.render.crds import CLUSTER_WIDE, DEFINITION, Served, is_crd, served, sketch
from cnai.toolchain import ensure

RENDER_S = 300
Object = dict[str, Any]


Report = Callable[[str], None]


class NotAtHand(UserError):
    """What would be rendered cannot be had, or does not render; the message says why."""


class LateHelm(Helm):
    """Helm, got where it is first needed: a machine without charts at hand needs none."""

    def __init__(self, report: Report) -> None:
        super().__init__(Path("helm"), cache_dir() / "helm")
        self._report = report

    def run(self, *arguments: str, timeout_s: float, values: Mapping[str, Any] | None = None) -> str:
        self._binary = ensure(["helm"], self._report)["helm"].path
        return super().run(*arguments, timeout_s=timeout_s, values=values)


@dataclass
class Renderer:
    """One environment's charts, in the order in which they are installed: later ones see the kinds of earlier ones."""

    crds: bool = False
    """Whether CRDs are wanted too: most of the text, and nothing that a rule looks at."""
    report: Report = lambda _: None
    """Told what takes long."""
    kinds: dict[str, Served] = field(default_factory=dict[str, Served])

    def release(self, name: str, inputs: Mapping[str, Any]) -> list[Object]:
        """Raises `NotAtHand`."""
        urn, given = f"urn:pulumi:::{name}", dict(inputs)
        full, wrong = checked(urn, given, given, str(given.get("namespace") or "default"), lambda logical: logical)
        if wrong:
            raise NotAtHand("; ".join(f"{path}: {reason}" for path, reason in wrong))
        release = Release(full | {"chart": _here(str(full["chart"]))})
        try:
            found = self._charts.find(release.source)
            if isinstance(found, Missing):
                raise NotAtHand(found.reason)
            text = self._helm.run(*self._command(release, found.path), timeout_s=RENDER_S, values=release.values)
        except (HelmError, UserError) as error:
            raise NotAtHand(" ".join(str(error).split())) from error
        return self.objects(text, release.namespace, f"chart {release.source.name}")

    def make_bundle(self, inputs: Mapping[str, Any]) -> None:
        """Makes the chart that a program which only declares did not; why it could not be made, `release` says."""
        package = catalog().get(package_at(str(inputs.get("chart") or "")))
        if package:
            with suppress(UserError):
                Bundle(package, inputs["values"]["kustomization"]).make(home(), self.report)

    def objects(self, text: str, namespace: str, where: str) -> list[Object]:
        """Of a rendered stream, each in its namespace."""
        found: list[Object] = []
        for part in documents.split(text):
            if is_crd(part) and not self.crds:
                self._learn(sketch(part))
            else:
                found += _parsed(part, where)
        return self.placed(found, namespace)

    def placed(self, objects: Iterable[Object], namespace: str) -> list[Object]:
        kept = list(objects)
        for each in kept:
            if each["kind"] == DEFINITION:
                self._learn(served(each))
        wanted = [each for each in kept if self.crds or each["kind"] != DEFINITION]
        return [_in_namespace(each, namespace) if self._needs_namespace(each) else each for each in wanted]

    def group(self, inputs: Mapping[str, Any]) -> tuple[list[Object], list[str]]:
        """A ConfigGroup's objects, and why some of its files are not among them."""
        given = inputs.get("files") or []
        found, missing = list[Object](), list[str]()
        for entry in [given] if isinstance(given, str) else given:
            try:
                found += self._entry(str(entry))
            except (ChartError, NotAtHand) as error:
                missing.append(" ".join(str(error).split()))
        rest = {key: inputs[key] for key in ("yaml", "objs") if inputs.get(key)}
        found += sources.of_group(rest, sources.Origin())
        return self.placed(found, "default"), missing

    def _entry(self, entry: str) -> list[Object]:
        if not self.crds and (package := publisher(entry)):
            for crd in package.lock.crds:
                self._learn(Served(f"{crd.group}/{crd.kind}", tuple(crd.versions), crd.scope == "Namespaced"))
            return []
        if "://" not in entry:
            return _from_disk(_here(entry))
        kept = sources.cached_manifest(entry)
        if not kept.is_file():
            if reason := Offline(cache_dir() / "manifests" / ".offline.json").why(entry):
                raise NotAtHand(f"{entry} cannot be fetched: {reason}")
            return _flat(sources.fetched(entry, kept), entry)
        return _flat(kept.read_text(encoding="utf-8"), entry)

    def _needs_namespace(self, obj: Object) -> bool:
        kind = _kind(obj)
        known = self.kinds.get(kind)
        return known.namespaced if known else kind not in CLUSTER_WIDE

    def _learn(self, kind: Served | None) -> None:
        if kind:
            self.kinds[kind.kind] = kind

    def _command(self, release: Release, chart: Path) -> list[str]:
        versions = sorted({each for kind in self.kinds.values() for each in kind.api_versions})
        skip = "--skip-crds" if release.inputs.get("skipCrds") else "--include-crds"
        hooks = ["--no-hooks"] if release.inputs.get("disableWebhooks") else []
        given = [word for version in versions for word in ("--api-versions", version)]
        flags = ("--namespace", release.namespace, "--skip-tests", skip, *hooks, *given)
        return ["template", release.name, str(chart), *flags]

    @cached_property
    def _helm(self) -> Helm:
        return LateHelm(self.report)

    @cached_property
    def _charts(self) -> Charts:
        folder = cache_dir() / "charts"
        return Charts(folder, self._helm, Offline(folder / ".offline.json"))


def _here(path: str) -> str:
    """A bundle's path as seen from here and not from the program."""
    return str(at_home(path)) if package_at(path) else path


def _from_disk(entry: str) -> list[Object]:
    if package_at(entry) and not Path(entry).is_file():
        raise NotAtHand(missing(entry))
    return sources.of_files(entry, sources.Origin())


def _parsed(text: str, where: str) -> list[Object]:
    try:
        return [each for each in documents.load(text) if each.get("apiVersion") and each.get("kind")]
    except yaml.YAMLError as error:
        raise NotAtHand(f"{where} renders to what is no YAML: {' '.join(str(error).split())}") from error


def _flat(text: str, where: str) -> list[Object]:
    return [each for part in documents.split(text) for each in _parsed(part, where)]


def _kind(obj: Object) -> str:
    group, slash, _ = str(obj["apiVersion"]).partition("/")
    return f"{group}/{obj['kind']}" if slash else str(obj["kind"])


def _in_namespace(obj: Object, namespace: str) -> Object:
    metadata = cast("Object", obj.get("metadata") or {})
    return obj if metadata.get("namespace") else obj | {"metadata": {**metadata, "namespace": namespace}}
