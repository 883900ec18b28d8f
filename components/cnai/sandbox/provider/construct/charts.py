"""A chart as objects, from the same ladder as a Release: the real chart if available, else a stand-in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnai.charts.finding import Charts
from cnai.charts.helm import Helm, HelmError
from cnai.charts.inputs import Release, checked
from cnai.charts.manifests import Object, parsed
from cnai.charts.offline import Offline
from cnai.charts.schemas import reference_dir, share_of
from cnai.paths import SandboxDir, cache_dir
from cnai.plugin.errors import ProviderError
from cnai.sandbox.provider.release.ladder import Ladder, Rung
from cnai.toolchain import ensure

RENDER_S = 300


def rendered(
    urn: str, namespace: str, inputs: Mapping[str, Any], sandbox: SandboxDir | None
) -> tuple[list[Object], Rung]:
    """The chart's objects, its definitions among them, and the rung on which it stands."""
    named = {**inputs, "namespace": namespace}
    full, failures = checked(urn, named, named, namespace, lambda logical: logical)
    if failures:
        raise ProviderError("; ".join(f"{path}: {reason}" for path, reason in failures))
    release = Release(full)
    helm = Helm(ensure(["helm"], lambda _: None)["helm"].path, cache_dir() / "helm")
    with _ladder(helm, sandbox).climbed(release) as rung:
        command = ["template", release.name, str(rung.path), "--namespace", namespace, "--no-hooks", "--skip-crds"]
        try:
            text = helm.run(*command, timeout_s=RENDER_S, values=release.values)
        except HelmError as error:
            raise ProviderError(f"chart {inputs['chart']} cannot be rendered: {error}") from error
        return [*rung.crds, *parsed(text, f"chart {inputs['chart']}")], rung


def _ladder(helm: Helm, sandbox: SandboxDir | None) -> Ladder:
    folder = cache_dir() / "charts"
    project = sandbox.root.absolute().parent.parent if sandbox else Path.cwd()
    return Ladder(Charts(folder, helm, Offline(folder / ".offline.json")), share_of, reference_dir(project))
