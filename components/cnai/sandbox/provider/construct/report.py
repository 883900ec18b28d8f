"""What a component's manifests lost on their way into the sandbox, and the record of it for `up`'s table."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pulumi.runtime.proto import provider_pb2

from cnai.catalog import catalog
from cnai.charts.sources import Origin
from cnai.files import write_atomically
from cnai.paths import SandboxDir
from cnai.sandbox.provider.release.ladder import Rung
from cnai.sandbox.provider.release.strip import LeftOut

Object = dict[str, Any]
SUFFIX = ".component.json"


def forget(sandbox: SandboxDir) -> None:
    """Drops the records of all components: the engine never says that one is gone, but each `up` writes them again."""
    for path in sandbox.report.glob(f"*{SUFFIX}"):
        path.unlink(missing_ok=True)


def write(
    sandbox: SandboxDir | None,
    request: provider_pb2.ConstructRequest,
    namespace: str,
    objects: int,
    left_out: Sequence[LeftOut],
    rung: Rung | None,
    origin: Origin,
) -> None:
    """The same record as a release's; what is not a chart is on the rung `manifests`."""
    if sandbox is None:
        return
    record = {
        "package": rung.package if rung else _package(request.name, origin),
        "release": request.name,
        "namespace": namespace,
        "version": rung.version if rung else _version(origin),
        "rung": rung.kind if rung else "manifests",
        "why": rung.why if rung else "",
        "controller": None,
        "left_out": [asdict(one) for one in (*(rung.left_out if rung else ()), *left_out)],
        "unchecked": [*(rung.unchecked if rung else ()), *_unchecked(origin)],
        "crds_from": rung.crds_from if rung else _crds_from(origin),
        "objects": objects,
        "notes": [],
    }
    sandbox.report.mkdir(parents=True, exist_ok=True)
    write_atomically(sandbox.report / f"{namespace}.{request.name}{SUFFIX}", json.dumps(record, indent=1))


def _unchecked(origin: Origin) -> list[str]:
    return [kind for schemas in origin.instead for kind in schemas.unchecked]


def _crds_from(origin: Origin) -> str:
    """`chart` is the published file itself; the weakest other source where several were taken."""
    taken = {schemas.source for schemas in origin.instead}
    return next((source for source in ("none", "reference", "module") if source in taken), "chart")


def _version(origin: Origin) -> str:
    """What the catalog pins for the package that publishes the addresses."""
    return catalog()[origin.packages[0]].version if origin.packages else ""


def _package(name: str, origin: Origin) -> str:
    return f"{origin.packages[0]} (CRDs)" if origin.packages else name
