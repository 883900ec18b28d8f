"""A sandbox of N simulated nodes with 8 GPUs each: how long until all are Ready, what it costs, and how that grows.

Usage: nodes.py [N ...]   (default 10 100 1000 5000), each on a fresh control plane. The last line is one JSON object.
"""

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnai.kube import Kube, Object
from cnai.paths import SandboxDir
from cnai.sandbox.controllers.groups import records
from cnai.sandbox.controlplane import TOOLS, ControlPlane
from cnai.toolchain import ensure

SIZES = (10, 100, 1000, 5000)
PODS = 64
"""A job that takes whole nodes, to see whether the sandbox is still usable."""
WINDOW_S = 10
QUIET = 0.1
"""Cores that all processes together may take when nothing happens."""
LIMIT_S = 1800


def group(count: int) -> Object:
    """A node group as the simulated cloud declares it, of `count` machines with 8 H100s."""
    facts = {
        "name": "gpu",
        "cloud": "aws",
        "kind": "aws:eks/nodeGroup:NodeGroup",
        "pool": "gpu",
        "machine": "p5.48xlarge",
        "min": count,
        "max": count,
        "desired": count,
        "zones": ["us-east-1a", "us-east-1b", "us-east-1c"],
        "region": "us-east-1",
        "labels": {"cnai.dev/pool": "gpu"},
        "taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}],
        "kubernetes": "1.36",
    }
    metadata = {"name": "node-group-gpu", "namespace": records.NAMESPACE, "labels": {"cnai.dev/node-group": "true"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"group": json.dumps(facts)}}


def job(pods: int) -> Object:
    container = {"name": "train", "image": "pytorch", "resources": {"limits": {"nvidia.com/gpu": "8"}}}
    spec = {
        "restartPolicy": "Never",
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "containers": [container],
    }
    template = {"parallelism": pods, "completions": pods, "template": {"spec": spec}}
    metadata = {"name": "train", "namespace": "default"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template}


def waited(look: Callable[[], bool]) -> float:
    """Seconds until it is so."""
    start = time.monotonic()
    while not look():
        if time.monotonic() - start > LIMIT_S:
            raise SystemExit(f"not within {LIMIT_S} s")
        time.sleep(0.1)
    return time.monotonic() - start


def processor_s(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / 100


def settled(pids: list[int]) -> tuple[float, float]:
    """After how long the processes have nothing to do any more, and how many cores they take then."""
    start = time.monotonic()
    while True:
        before = processor_s(pids)
        time.sleep(WINDOW_S)
        cores = (processor_s(pids) - before) / WINDOW_S
        if cores < QUIET or time.monotonic() - start > LIMIT_S:
            return time.monotonic() - start, cores


def measured(count: int, tools: dict[str, Path], project: Path) -> dict[str, Any]:
    plane = ControlPlane(SandboxDir.of(project, f"bench-{count}"), tools)
    start = time.monotonic()
    try:
        plane.start(lambda _: None)
        started = time.monotonic() - start
        kube = Kube.from_kubeconfig(plane.kubeconfig)
        record = group(count)
        kube.apply(record, field_manager="bench")
        wanted = f"{count}@{records.group(record).generation}"
        nodes = waited(lambda: annotated(kube) == wanted)
        return {"nodes": count, "start_s": round(started, 1), "up_s": round(started + nodes, 1)} | usable(plane, kube)
    finally:
        plane.delete()


def annotated(kube: Kube) -> str:
    found = kube.get("v1", "ConfigMap", "node-group-gpu", records.NAMESPACE) or {"metadata": {}}
    return (found["metadata"].get("annotations") or {}).get(records.READY, "")


def usable(plane: ControlPlane, kube: Kube) -> dict[str, Any]:
    """What it is to work with: a job, a list of all nodes, and what it takes when nothing happens."""
    pods = min(PODS, int(annotated(kube).partition("@")[0]))
    kube.apply(job(pods), field_manager="bench")

    def done() -> bool:
        found = kube.get("batch/v1", "Job", "train", "default") or {}
        return found.get("status", {}).get("succeeded") == pods

    ran = waited(done)
    start = time.monotonic()
    kube.list("v1", "Node")
    listed = time.monotonic() - start
    quiet, idle = settled([process.pid for process in plane.status().processes if process.pid])
    memory = {process.name: process.memory_mib for process in plane.status().processes}
    return {
        "job_pods": pods,
        "job_s": round(ran, 1),
        "list_nodes_s": round(listed, 2),
        "quiet_after_s": round(quiet),
        "idle_cores": round(idle, 2),
        "memory_mib": sum(memory.values()),
        "memory_by_process_mib": memory,
    }


def exponent(rows: list[dict[str, Any]], key: str) -> float | None:
    """The slope of log(figure) over log(nodes), least squares: 1 is proportional growth."""
    points = [(math.log(row["nodes"]), math.log(row[key])) for row in rows if row[key] > 0]
    if len(points) < 2:
        return None
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    return round(
        sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points),
        2,
    )


def main() -> int:
    sizes = [int(argument) for argument in sys.argv[1:]] or list(SIZES)
    tools = {name: tool.path for name, tool in ensure(TOOLS, print).items()}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="cnai-bench-") as project:
        for count in sizes:
            rows.append(measured(count, tools, Path(project)))
            print({key: value for key, value in rows[-1].items() if key != "memory_by_process_mib"}, flush=True)
    large = [row for row in rows if row["nodes"] >= 1000]
    print(
        json.dumps(
            {
                "benchmark": "nodes",
                "sizes": rows,
                "exponent": {
                    "up_s": exponent(rows, "up_s"),
                    "memory_mib": exponent(rows, "memory_mib"),
                    "up_s_from_1000": exponent(large, "up_s"),
                    "memory_mib_from_1000": exponent(large, "memory_mib"),
                },
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
