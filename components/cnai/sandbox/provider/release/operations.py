"""What happens to a release: recovered if Helm died, installed or upgraded, rolled back, taken away without a trace."""

import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnai.charts.documents import heads
from cnai.charts.helm import THROTTLE, Helm, HelmError
from cnai.charts.inputs import Release
from cnai.errors import UserError
from cnai.kube import Kube, namespaces
from cnai.paths import SandboxDir
from cnai.plugin.errors import PartialError, ProviderError
from cnai.sandbox.controllers.specs import served_groups, specs
from cnai.sandbox.controllers.state import Unavailable, chosen_tools, load, wait_ready
from cnai.sandbox.provider.release import leftovers, report
from cnai.sandbox.provider.release.autoscalers import await_minimums
from cnai.sandbox.provider.release.ladder import Ladder, Rung
from cnai.sandbox.provider.release.outputs import outputs
from cnai.sandbox.provider.release.ownership import Crds, await_gone
from cnai.sandbox.provider.release.reasons import not_ready
from cnai.sandbox.provider.release.records import StoredRelease, StoredReleases, last_deployed, recovery
from cnai.sandbox.provider.release.report import RealController, Report
from cnai.sandbox.provider.release.strip import LeftOut, without_controller

Object = dict[str, Any]
STEPS, GRACE_S = 3, 60
"""Helm's `--timeout` is for each step (hooks, what they lead to, hooks); a process that takes longer is ended."""
POST_RENDERER = "cnai.sandbox.provider.release.postrender"


class Operations:
    """On one cluster. Each is safe to repeat after a crash at any point."""

    def __init__(self, kube: Kube, helm: Helm, access: Iterable[str], ladder: Ladder, sandbox: SandboxDir) -> None:
        """`access` are the flags that tell Helm which cluster it is."""
        self._kube, self._helm, self._access = kube, helm, (*access, *THROTTLE)
        self._ladder, self._sandbox = ladder, sandbox
        self._records, self._crds = StoredReleases(kube), Crds(kube)

    def deploy(self, release: Release, timeout_s: float) -> Object:
        """Installs or upgrades, and gives the outputs.

        `PartialError` where a first installation stays behind unready; `ProviderError` where everything is as before.
        """
        self._recover(release, timeout_s)
        if release.inputs.get("createNamespace"):
            leftovers.ensure_namespace(self._kube, release.namespace)
        with self._ladder.climbed(release) as rung:
            self._make_way(release, rung, timeout_s)
            left_out = [*rung.left_out]
            foreign = self._crds.install(release.namespace, release.name, rung.crds)
            try:
                left_out += self._upgrade(release, rung, timeout_s)
            except HelmError as error:
                self._give_up(release, str(error), timeout_s)
        record = self._need(release)
        left_out += leftovers.drop_webhooks(self._kube, record)
        notes = _notes(rung, foreign) + self._autoscaled(release, record, timeout_s)
        told = self._report(release, rung, record, left_out, len(foreign), notes)
        self._await_controller(release, rung, record, told, timeout_s)
        return outputs(release.inputs, record)

    def delete(self, release: Release, timeout_s: float) -> None:
        """Nothing of the release is left afterwards, not even what Helm leaves on every cluster."""
        record = self._records.latest(release.namespace, release.name)
        gone: list[Object] = []
        if record:
            kept = [*leftovers.kept(self._kube, record), *leftovers.hooks(record)]
            claims = leftovers.claims(self._kube, record)
            leftovers.remove(self._kube, release.namespace, leftovers.aggregated(record))
            self._uninstall(release, timeout_s)
            gone += leftovers.remove(self._kube, release.namespace, [*kept, *claims])
        self._sweep(release, gone, timeout_s)

    def _sweep(self, release: Release, gone: Iterable[Object], timeout_s: float) -> None:
        crds = self._crds.release(release.namespace, release.name)
        namespace = leftovers.remove_namespace(self._kube, self._records, release.namespace)
        if namespace:
            namespaces.finish(self._kube, release.namespace)
        await_gone(self._kube, [*gone, *crds, *namespace], timeout_s)
        report.forget(self._sandbox, release.namespace, release.name)

    def _recover(self, release: Release, timeout_s: float) -> None:
        """A Helm that was killed leaves its release pending, and the next one refuses to touch it."""
        needed = recovery(self._records.history(release.namespace, release.name))
        try:
            if needed.action == "uninstall":
                self._uninstall(release, timeout_s)
            elif needed.action == "rollback":
                self._rollback(release, needed.to, timeout_s, wait=False)
        except HelmError as error:
            raise ProviderError(
                f"Helm release {release.id}: its half-made revision cannot be undone: {error}"
            ) from error

    def _make_way(self, release: Release, rung: Rung, timeout_s: float) -> None:
        record = self._records.latest(release.namespace, release.name)
        if record and record.is_stand_in != (rung.kind == "stand-in"):
            await_gone(self._kube, leftovers.make_way(self._kube, record), timeout_s)

    def _upgrade(self, release: Release, rung: Rung, timeout_s: float) -> list[LeftOut]:
        with tempfile.TemporaryDirectory(prefix="cnai-helm-") as folder:
            notes = Path(folder) / "left-out.json"
            self._helm.run(
                *("upgrade", "--install", release.name, str(rung.path), "--skip-crds", "--hide-notes"),
                *release.flags(),
                *self._post_renderer(release, notes),
                *self._common(release, timeout_s),
                timeout_s=STEPS * timeout_s + GRACE_S,
                values=release.values,
            )
            return [LeftOut(**row) for row in json.loads(notes.read_text())]

    def _post_renderer(self, release: Release, notes: Path) -> list[str]:
        own = str(release.inputs.get("postrender") or "").split()
        # -P: the program's folder must not lend its modules to it.
        arguments = [
            "-P",
            "-m",
            POST_RENDERER,
            str(notes),
            json.dumps(served_groups(chosen_tools(self._sandbox))),
            *own,
        ]
        flags = [part for argument in arguments for part in ("--post-renderer-args", argument)]
        return ["--post-renderer", sys.executable, *flags]

    def _common(self, release: Release, timeout_s: float) -> list[str]:
        return ["--namespace", release.namespace, "--timeout", f"{timeout_s:.0f}s", *self._access]

    def _give_up(self, release: Release, said: str, timeout_s: float) -> None:
        """After a failed operation: what is left, and whether the state has to know."""
        record = self._records.latest(release.namespace, release.name)
        if record is None:
            self._sweep(release, [], timeout_s)
            raise ProviderError(f"Helm release {release.id} was not installed: {said}")
        reasons = not_ready(self._kube, record)
        good = last_deployed(self._records.history(release.namespace, release.name))
        if good is None and release.atomic:
            self.delete(release, timeout_s)
            raise ProviderError(
                _told(f"Helm release {release.id} was taken away again, as `atomic` asks", said, reasons)
            )
        if good is None:
            message = f"Helm release {release.id} was created, but it is not as it should be: {said}"
            raise PartialError(message, release.id, outputs(release.inputs, record), reasons)
        if record.revision == good:
            raise ProviderError(f"Helm release {release.id} stays at revision {good}: {said}")
        self._go_back(release, good, said, reasons, timeout_s)

    def _go_back(self, release: Release, good: int, said: str, reasons: tuple[str, ...], timeout_s: float) -> None:
        try:
            self._rollback(release, good, timeout_s, wait=release.waits and not self._helm.cancelled)
        except HelmError as error:
            message = f"Helm release {release.id} could be neither upgraded ({said}) nor rolled back: {error}"
            raise PartialError(message, release.id, outputs(release.inputs, self._need(release)), reasons) from error
        raise ProviderError(_told(f"Helm release {release.id} was rolled back to revision {good}", said, reasons))

    def _rollback(self, release: Release, to: int, timeout_s: float, *, wait: bool) -> None:
        waiting = ["--wait"] if wait else []
        self._helm.run(
            "rollback", release.name, str(to), *waiting, *self._common(release, timeout_s), timeout_s=timeout_s
        )

    def _uninstall(self, release: Release, timeout_s: float) -> None:
        # Hooks run as Jobs: where no node is, they would wait for one until the time is up.
        hooks = [] if self._kube.list("v1", "Node") else ["--no-hooks"]
        flags = ["--ignore-not-found", "--wait", *hooks, *self._common(release, timeout_s)]
        try:
            self._helm.run("uninstall", release.name, *flags, timeout_s=STEPS * timeout_s + GRACE_S)
        except HelmError as error:
            raise ProviderError(f"Helm release {release.id} could not be uninstalled: {error}") from error

    def _need(self, release: Release) -> StoredRelease:
        record = self._records.latest(release.namespace, release.name)
        if record is None:
            raise ProviderError(f"Helm release {release.id} is gone: something else removed it meanwhile")
        return record

    def _report(
        self,
        release: Release,
        rung: Rung,
        record: StoredRelease,
        left_out: list[LeftOut],
        foreign: int,
        notes: list[str],
    ) -> Report:
        in_manifest = heads(record.manifest)
        from_templates = any(head["kind"] == "CustomResourceDefinition" for head in in_manifest)
        told = Report(
            package=rung.package,
            release=release.name,
            namespace=release.namespace,
            version=rung.version,
            rung=rung.kind,
            why=rung.why,
            left_out=left_out,
            unchecked=rung.unchecked,
            crds_from="chart" if rung.kind == "chart" and from_templates else rung.crds_from,
            objects=len(in_manifest) + len(rung.crds) - foreign,
            notes=notes,
        )
        told.save(self._sandbox)
        return told

    def _autoscaled(self, release: Release, record: StoredRelease, timeout_s: float) -> list[str]:
        if not release.waits:
            return []
        return await_minimums(self._kube, record, timeout_s, lambda: self._helm.cancelled)

    def _await_controller(
        self, release: Release, rung: Rung, record: StoredRelease, told: Report, timeout_s: float
    ) -> None:
        if not rung.controller or rung.controller not in chosen_tools(self._sandbox):
            return
        name = next(spec.name for spec in specs() if spec.tool == rung.controller)
        try:
            state = wait_ready(self._sandbox, name, timeout_s) if release.waits else load(self._sandbox, name)
        except Unavailable as error:
            why = f"the real {name} controller does not run: {error}"
            left_out = without_controller(told.left_out, why)
            replace(told, left_out=left_out, notes=[*told.notes, why]).save(self._sandbox)
            return
        except UserError as error:
            message = f"Helm release {release.id} is installed, but {error}"
            raise PartialError(message, release.id, outputs(release.inputs, record)) from error
        if state and state.state in ("starting", "ready"):
            replace(told, controller=RealController(name, state.version)).save(self._sandbox)


def _notes(rung: Rung, foreign: list[Object]) -> list[str]:
    notes: list[str] = []
    if rung.kind == "chart" and rung.crds:
        notes.append("CRDs in the chart's crds/ are upgraded and removed with it here; Helm only installs them, once")
    if foreign:
        names = ", ".join(crd["metadata"]["name"] for crd in foreign)
        notes.append(f"CRDs that were there already and are not this release's: {names}")
    return notes


def _told(done: str, said: str, reasons: Iterable[str]) -> str:
    return "; ".join([f"{done}: {said}", *reasons])
