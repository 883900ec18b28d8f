"""How long 10,000 manifests take to check, YAML parsing included; what the policy pack adds to a preview of `local`.

Usage: policies.py [MANIFESTS]   (default 10000). Everything runs as a user's commands do, in separate processes;
each preview is run three times with and three times without the pack, in turn, and the quickest of each counts.
The last line is one JSON object.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from cnai.cli.target import CONTROL_PLANE
from cnai.engine import Session
from cnai.environment import Environment
from cnai.paths import SandboxDir, project_dir
from cnai.policy import config
from cnai.sandbox.controllers import tool_names
from cnai.sandbox.controlplane import ControlPlane
from cnai.stackfiles import read_stack_config
from cnai.toolchain import ensure
from provision import team

ENV = "local"
ROUNDS = 3
PER_FILE = 10


def manifests(count: int, folder: Path) -> None:
    """A file for each ten: what a small service of a team has, its Deployment as charts write them."""
    for index in range(count // PER_FILE):
        objects = [dressed(each, index) for each in team(index)]
        (folder / f"team-{index:04}.yaml").write_text(yaml.safe_dump_all(objects, sort_keys=False))


def dressed(obj: dict[str, Any], index: int) -> dict[str, Any]:
    names = {"name": "web", "instance": f"web-{index}", "version": "1.0.0", "managed-by": "Helm", "part-of": "web"}
    labels = {f"app.kubernetes.io/{key}": value for key, value in names.items()}
    obj["metadata"] |= {"labels": labels, "annotations": {"meta.helm.sh/release-name": f"web-{index}"}}
    if obj["kind"] == "Deployment":
        pod = obj["spec"]["template"]["spec"]
        pod |= {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}
        pod["volumes"] = [{"name": "config", "configMap": {"name": "web"}}, {"name": "tmp", "emptyDir": {}}]
        pod["containers"] = [container(each, index) for each in pod["containers"] for _ in range(2)]
    return obj


def container(base: dict[str, Any], index: int) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10}
    return base | {
        "env": [{"name": f"SETTING_{number}", "value": f"value-{index}"} for number in range(6)],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/web"}, {"name": "tmp", "mountPath": "/tmp"}],
    }


def checked(count: int) -> tuple[float, int]:
    """Seconds, and how many violations those are."""
    with tempfile.TemporaryDirectory(prefix="cnai-bench-") as folder:
        manifests(count, Path(folder))
        command = [sys.executable, "-m", "cnai.cli", "check", folder, "--json"]
        seconds, said = timed(command, one_core=True)
    report = json.loads(said)
    if report["not_checked"]:
        raise SystemExit(f"not all of it was checked: {report['not_checked'][:3]}")
    return seconds, len(report["violations"])


def timed(command: Sequence[str | Path], *, one_core: bool = False, **options: Any) -> tuple[float, str]:
    """Seconds and standard output; a violation is not a failure."""
    pinned = (lambda: os.sched_setaffinity(0, {0})) if one_core and hasattr(os, "sched_setaffinity") else None
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=pinned, **options)
    seconds = time.monotonic() - start
    if done.returncode > 1:
        raise SystemExit(done.stdout + done.stderr)
    return seconds, done.stdout


@contextmanager
def platform(project: Path) -> Iterator[tuple[Session, Path]]:
    """A session on the full local platform, in its own project, and its pulumi."""
    names = (*CONTROL_PLANE, *tool_names((ENV,)), "pulumi", "helm", "kubectl")
    tools = {name: tool.path for name, tool in ensure(names, lambda line: print(line, file=sys.stderr)).items()}
    directory = SandboxDir.of(project, ENV)
    plane = ControlPlane(directory, tools)
    plane.start(lambda _: None)
    try:
        with Session(ENV, project, tools, directory) as session:
            session.preview()
            yield session, tools["pulumi"]
    finally:
        plane.delete()


def previews(project: Path) -> dict[str, float]:
    """Seconds of the quickest preview, with and without the pack."""
    root, settings = project_dir(), project / "policies.json"
    config.write(Environment.load(ENV, read_stack_config(root, ENV)), settings)
    pack = ["--policy-pack", root / "policies", "--policy-pack-config", settings]
    with platform(project) as (session, pulumi):
        command = [pulumi, "preview", "--stack", ENV, "--non-interactive"]
        options: dict[str, Any] = {"env": session.env, "cwd": project}
        seconds: dict[str, list[float]] = {"without": [], "with": []}
        for _ in range(ROUNDS):
            seconds["without"].append(timed(command, **options)[0])
            seconds["with"].append(timed([*command, *pack], **options)[0])
    return {name: min(found) for name, found in seconds.items()}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seconds, violations = checked(count)
    with tempfile.TemporaryDirectory(prefix="cnai-bench-") as home:
        project = Path(home)
        shutil.copy(project_dir() / "Pulumi.yaml", project)
        shutil.copytree(project_dir() / "stacks", project / "stacks")
        took = previews(project)
    result = {"manifests": count, "violations": violations, "seconds": round(seconds, 2)}
    result |= {f"preview_seconds_{name}": round(value, 2) for name, value in took.items()}
    print(json.dumps(result | {"preview_overhead": round(took["with"] / took["without"] - 1, 3)}))


if __name__ == "__main__":
    main()
