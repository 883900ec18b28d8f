"""What came up: each package and how real it is, GPU capacity by pool, and what was left out and why."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from cnai.cli.console import complain, out, table
from cnai.cli.target import Target
from cnai.clouds.pools import PoolPlan
from cnai.errors import UserError
from cnai.kube import Kube
from cnai.paths import SandboxDir
from cnai.sandbox.cloud.report import sentence, summary
from cnai.sandbox.cloud.store import Store
from cnai.sandbox.provider.awaits.unattended import noted

Object = Mapping[str, Any]
WORKLOADS = {
    "Deployment": ("spec.replicas", "readyReplicas"),
    "StatefulSet": ("spec.replicas", "readyReplicas"),
    "DaemonSet": ("status.desiredNumberScheduled", "numberReady"),
}
"""Where each kind reports its desired and ready pods."""
RECORD_KEYS = frozenset({"package", "version", "namespace", "release", "rung"})
POOL_LABEL = "cnai.dev/pool"
GPU = "nvidia.com/gpu"


@dataclass(frozen=True)
class PackageRow:
    package: str
    version: str
    namespace: str
    how: str
    objects: int
    ready_pods: int
    wanted_pods: int


@dataclass(frozen=True)
class PoolRow:
    pool: str
    machine: str
    nodes: int
    gpu: str
    gpus: int
    taken: int


@dataclass(frozen=True)
class Picture:
    """A snapshot of a sandboxed environment."""

    packages: tuple[PackageRow, ...]
    pools: tuple[PoolRow, ...]
    left_out: Mapping[str, tuple[str, ...]]
    """Reason → `package: kind/name`."""
    unchecked: tuple[str, ...]
    waiting: tuple[str, ...]
    """`namespace/pod: why` for each pod that is not running, in the scheduler's words."""

    unattended: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """`Kind.group` → objects that were not waited for: no controller that would make them ready runs here."""

    cloud: Mapping[str, int] = field(default_factory=dict[str, int])
    """What the simulated cloud has, by how real it is."""

    @cached_property
    def ready(self) -> bool:
        return not self.waiting and all(row.ready_pods >= row.wanted_pods for row in self.packages)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ready": self.ready}


def read(target: Target) -> Picture:
    directory = target.need_sandbox()
    reports = records(directory)
    kube = Kube.from_kubeconfig(directory.kubeconfig)
    pods = list(kube.list("v1", "Pod"))
    workloads = [item | {"kind": kind} for kind in WORKLOADS for item in kube.list("apps/v1", kind)]
    return Picture(
        packages=tuple(package_row(report, workloads) for report in reports),
        pools=tuple(pool_rows(kube.list("v1", "Node"), pods, declared(target))),
        left_out=left_out(reports),
        unchecked=tuple(sorted({kind for report in reports for kind in report.get("unchecked", ())})),
        unattended={kind: tuple(objects) for kind, objects in noted(directory).items()},
        cloud=summary(Store(directory)),
        waiting=tuple(why_waiting(pod) for pod in pods if is_waiting(pod)),
    )


def records(directory: SandboxDir) -> list[Object]:
    """The record each package wrote when it was installed; a damaged one is reported and left out."""
    found: list[Object] = []
    for path in sorted(directory.report.glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            record = None
        if isinstance(record, Mapping) and record.keys() >= RECORD_KEYS:
            found.append(record)
        else:
            complain(f"{path} is damaged and was left out: `./cnai destroy {directory.env}` and `up` write it again")
    return found


def package_row(report: Object, workloads: Iterable[Object]) -> PackageRow:
    mine = [item for item in workloads if belongs(item, report)]
    ready, wanted = (sum(column) for column in zip(*map(pod_counts, mine), strict=True)) if mine else (0, 0)
    controller = report.get("controller")
    how = {"chart": "real chart", "stand-in": "stand-in", "manifests": "manifests"}[report["rung"]]
    if controller:
        how += f" + real controller {controller['version']}"
    # Anything that is not a chart names its namespaces itself.
    namespace = "" if report["rung"] == "manifests" else report["namespace"]
    return PackageRow(report["package"], report["version"], namespace, how, report.get("objects", 0), ready, wanted)


def belongs(item: Object, report: Object) -> bool:
    notes = item["metadata"].get("annotations", {})
    return (
        notes.get("meta.helm.sh/release-name") == report["release"]
        and notes.get("meta.helm.sh/release-namespace") == report["namespace"]
    )


def pod_counts(workload: Object) -> tuple[int, int]:
    """Ready and wanted pods."""
    wanted_path, ready_key = WORKLOADS[workload["kind"]]
    section, key = wanted_path.split(".")
    return workload.get("status", {}).get(ready_key, 0), workload[section].get(key, 1 if section == "spec" else 0)


def declared(target: Target) -> Mapping[str, PoolPlan]:
    """Pools currently in the stack file; none while it is being edited and is invalid."""
    try:
        return target.environment.pools
    except UserError:
        return {}


def pool_rows(
    nodes: Iterable[Object], pods: Iterable[Object], plans: Mapping[str, PoolPlan] | None = None
) -> Iterable[PoolRow]:
    """For every pool that has nodes, and for those in `plans` that have none."""
    taken: Counter[str] = Counter()
    for pod in pods:
        if node := pod["spec"].get("nodeName"):
            taken[node] += gpus_of(pod)
    groups: dict[str, list[Object]] = {}
    for node in nodes:
        groups.setdefault(node["metadata"]["labels"].get(POOL_LABEL, "(no pool)"), []).append(node)
    for pool in sorted(groups.keys() | (plans or {}).keys()):
        members = groups.get(pool)
        if members is None:
            yield PoolRow(pool=pool, machine=(plans or {})[pool].machine.name, nodes=0, gpu="", gpus=0, taken=0)
            continue
        labels = members[0]["metadata"]["labels"]
        yield PoolRow(
            pool=pool,
            machine=labels.get("node.kubernetes.io/instance-type", ""),
            nodes=len(members),
            gpu=labels.get("nvidia.com/gpu.product", ""),
            gpus=sum(int(node["status"].get("allocatable", {}).get(GPU, 0)) for node in members),
            taken=sum(taken[node["metadata"]["name"]] for node in members),
        )


def gpus_of(pod: Object) -> int:
    if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    return sum(int(each.get("resources", {}).get("limits", {}).get(GPU, 0)) for each in pod["spec"]["containers"])


def is_waiting(pod: Object) -> bool:
    return pod.get("status", {}).get("phase", "Pending") == "Pending"


def why_waiting(pod: Object) -> str:
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition["status"] == "False" and condition.get("message"):
            return f"{name}: {condition['message']}"
    return f"{name}: Pending"


def left_out(reports: Iterable[Object]) -> dict[str, tuple[str, ...]]:
    reasons: dict[str, list[str]] = {}
    for report in reports:
        for item in report.get("left_out", ()):
            reasons.setdefault(item["reason"], []).append(f"{report['package']}: {item['kind']}/{item['name']}")
    return {reason: tuple(items) for reason, items in reasons.items()}


def show(picture: Picture) -> None:
    show_packages(picture)
    show_pools(picture)
    for reason, items in picture.left_out.items():
        out.print(f"[yellow]left out[/], {reason}:", highlight=False)
        out.print(f"  {', '.join(items)}", highlight=False, markup=False)
    if picture.unchecked:
        out.print(
            "[yellow]accepted without a schema[/] (none was available):", ", ".join(picture.unchecked), highlight=False
        )
    if picture.unattended:
        out.print("[yellow]not waited for[/], since no controller of theirs runs here:", highlight=False)
        lines = (f"{kind} ({', '.join(objects)})" for kind, objects in picture.unattended.items())
        out.print(f"  {'; '.join(lines)}", highlight=False, markup=False)
    if told := sentence(picture.cloud):
        out.print(told, highlight=False)
    for line in picture.waiting:
        out.print("[red]waiting[/] ", end="")
        out.print(line, markup=False, highlight=False)


def show_packages(picture: Picture) -> None:
    shown = table("package", "version", "namespace", "how", "objects", "pods ready", title="Packages")
    for row in picture.packages:
        colour = "green" if row.ready_pods >= row.wanted_pods else "red"
        how = f"[yellow]{row.how}[/]" if row.how.startswith("stand-in") else row.how
        pods = f"[{colour}]{row.ready_pods}/{row.wanted_pods}[/]" if row.wanted_pods else "-"
        shown.add_row(row.package, row.version, row.namespace, how, str(row.objects), pods)
    out.print(shown)


def show_pools(picture: Picture) -> None:
    shown = table("pool", "machine", "nodes", "GPU", "GPUs", "taken", title="Pools (simulated nodes)")
    for row in picture.pools:
        shown.add_row(row.pool, row.machine, str(row.nodes), row.gpu or "-", str(row.gpus), str(row.taken))
    out.print(shown)


def show_next_steps(target: Target) -> None:
    env = "" if target.env == "local" else f" --env {target.env}"
    out.print(
        f"[bold]{target.env} is up[/]: pods run on simulated nodes, the control plane is real. Next:", highlight=False
    )
    for line in (
        f"./cnai train examples/chatbot{env}    a TrainJob on the GPU pools, placed by the real scheduler",
        f"./cnai kubectl{env} get pods -A    or any other kubectl command",
        f"./cnai status {target.env}    what is running and what is pending",
        f"./cnai destroy {target.env}    tear it down",
    ):
        out.print(f"  {line}", highlight=False, markup=False)
