"""`kubernetes:helm.sh/v3:Release` as the engine asks for it, in plain dicts."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from cnai.catalog import Package
from cnai.charts.finding import Charts
from cnai.charts.helm import Helm
from cnai.charts.inputs import Release, checked, source_of
from cnai.charts.offline import Offline
from cnai.charts.schemas import reference_dir, share_of
from cnai.charts.tokens import split_id
from cnai.errors import UserError
from cnai.kube import ApiError, Kube
from cnai.paths import SandboxDir, cache_dir
from cnai.plugin.diffs import Change, Diff, changes, shown
from cnai.plugin.errors import ProviderError
from cnai.plugin.values import Computed, contains
from cnai.sandbox.provider.credentials import connected
from cnai.sandbox.provider.release.ladder import Ladder
from cnai.sandbox.provider.release.operations import Operations
from cnai.sandbox.provider.release.outputs import outputs as outputs_of
from cnai.sandbox.provider.release.outputs import planned
from cnai.sandbox.provider.release.records import StoredRelease, StoredReleases
from cnai.toolchain import ensure

Object = dict[str, Any]
REPLACED = ("name", "namespace")
IDENTIFYING = ("chart", "version", "repositoryOpts", "verify", "keyring")


class ReleaseResource:
    """Of one cluster; safe to use from several threads."""

    def __init__(
        self,
        kubeconfig: Path,
        context: str | None,
        sandbox: SandboxDir,
        *,
        helm: Path | None = None,
        packages: Mapping[str, Package] | None = None,
    ) -> None:
        """`helm` and `packages` are the toolchain's and the catalog's unless given."""
        self._kubeconfig, self._context, self._sandbox = kubeconfig, context, sandbox
        self._binary, self._packages = helm, packages

    def check(
        self, urn: str, olds: Mapping[str, Any], news: Mapping[str, Any], autoname: Callable[[str], str]
    ) -> tuple[Object, list[tuple[str, str]]]:
        """Inputs with names and defaults, and failures by property."""
        inputs, failures = checked(urn, olds, news, self._kube.namespace, autoname)
        known = not any(contains(inputs.get(key), Computed) for key in IDENTIFYING)
        if known and inputs.get("chart") and (refusal := self._ladder.refusal(source_of(inputs))):
            failures.append(("chart", refusal))
        return inputs, failures

    def diff(
        self,
        id: str,  # noqa: A002
        old_inputs: Mapping[str, Any],
        old_outputs: Mapping[str, Any],
        news: Mapping[str, Any],
    ) -> Diff:
        """A new name or namespace is a new release; all else is an upgrade."""
        detailed: dict[str, tuple[Change, bool]] = {
            shown(path): (change, path[0] in REPLACED) for path, change in changes(dict(old_inputs), dict(news))
        }
        replaces = tuple(path for path, (_, replaced) in detailed.items() if replaced)
        return Diff(changes=bool(detailed), replaces=replaces, detailed=detailed)

    def create(self, urn: str, inputs: Object, preview: bool, timeout_s: float) -> tuple[str, Object]:
        if preview:
            return "", planned(inputs)
        release = Release(inputs)
        return release.id, self._deploy(release, timeout_s)

    def update(
        self,
        urn: str,
        id: str,  # noqa: A002
        old_inputs: Object,
        old_outputs: Object,
        news: Object,
        preview: bool,
        timeout_s: float,
    ) -> Object:
        return planned(news) if preview else self._deploy(Release(news), timeout_s)

    def read(self, id: str, inputs: Object, outputs: Object) -> tuple[str, Object, Object] | None:  # noqa: A002
        """Inputs as they are now, also for an import (`namespace/name`); None where Helm knows no such release."""
        namespace, name = split_id(id)
        with _told():
            record = self._records.latest(namespace or self._kube.namespace, name)
        if record is None:
            return None
        now = _as_found(inputs, record) if inputs else _imported(record)
        return f"{record.namespace}/{record.name}", now, outputs_of(now, record)

    def delete(self, urn: str, id: str, inputs: Object, outputs: Object, timeout_s: float) -> None:  # noqa: A002
        namespace, name = split_id(id)
        release = Release({**inputs, "name": name, "namespace": namespace or self._kube.namespace})
        with _told():
            self._operations.delete(release, release.timeout_s(timeout_s))

    def cancel(self) -> None:
        """The engine wants to end: Helm gives up what it does, and marks it as failed."""
        self._helm.cancel()

    def _deploy(self, release: Release, timeout_s: float) -> Object:
        with _told():
            return self._operations.deploy(release, release.timeout_s(timeout_s))

    @cached_property
    def _kube(self) -> Kube:
        return connected(self._kubeconfig, self._context, self._sandbox)

    @cached_property
    def _records(self) -> StoredReleases:
        return StoredReleases(self._kube)

    @cached_property
    def _helm(self) -> Helm:
        binary = self._binary or ensure(["helm"], lambda _: None)["helm"].path
        return Helm(binary, cache_dir() / "helm")

    @cached_property
    def _ladder(self) -> Ladder:
        folder = cache_dir() / "charts"
        charts = Charts(folder, self._helm, Offline(folder / ".offline.json"))
        project = self._sandbox.root.absolute().parent.parent
        return Ladder(charts, share_of, reference_dir(project), self._packages)

    @cached_property
    def _operations(self) -> Operations:
        access = ["--kubeconfig", str(self._kubeconfig), *(["--kube-context", self._context] if self._context else [])]
        return Operations(self._kube, self._helm, access, self._ladder, self._sandbox)


def _as_found(inputs: Object, record: StoredRelease) -> Object:
    """What the program gave, with what is different now."""
    now = dict(inputs)
    if record.values != (inputs.get("values") or {}):
        now["values"] = record.values
    version = str(record.chart.get("version", ""))
    if inputs.get("version") and version.lstrip("v") != str(inputs["version"]).lstrip("v"):
        now["version"] = version
    return now


def _imported(record: StoredRelease) -> Object:
    return {
        "chart": record.chart.get("name", ""),
        "name": record.name,
        "namespace": record.namespace,
        "values": record.values,
        "version": record.chart.get("version", ""),
    }


@contextmanager
def _told() -> Generator[None]:
    """Failures of the API server and of the user's files, in their own words."""
    try:
        yield
    except ApiError as error:
        raise ProviderError(error.message) from error
    except UserError as error:
        raise ProviderError(str(error)) from error
