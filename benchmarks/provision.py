"""Our `up` against `kubectl apply --server-side` of the very same objects, each on a fresh control plane until ready.

Usage: provision.py [OBJECTS]   (default 500). The last line is one JSON object.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from cnai.cli.target import CONTROL_PLANE
from cnai.engine import Session
from cnai.paths import SandboxDir
from cnai.sandbox.controlplane import ControlPlane
from cnai.toolchain import ensure

NODES = 20
PROGRAM = """
import json
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

cluster = kubernetes.Provider("cluster", context="cnai-bench")
names = {"stringData": "string_data", "roleRef": "role_ref"}
spaces = {}
for manifest in json.loads(Path(__file__).with_name("objects.json").read_text()):
    metadata = manifest["metadata"]
    *group, version = manifest["apiVersion"].split("/")
    module = getattr(getattr(kubernetes, (group or ["core"])[0].split(".")[0]), version)
    make = getattr(module, manifest["kind"])
    space = spaces.get(metadata.get("namespace"))
    fields = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
    fields = {names.get(key, key): value for key, value in fields.items()}
    options = pulumi.ResourceOptions(provider=cluster, depends_on=[space] if space else None)
    made = make(f"{metadata.get('namespace', 'cluster')}-{manifest['kind']}-{metadata['name']}", opts=options, **fields)
    if manifest["kind"] == "Namespace":
        spaces[metadata["name"]] = made
"""


def team(index: int) -> list[dict[str, Any]]:
    """Ten objects of ten kinds, as a small service of a team has them."""
    space, labels = f"team-{index:03}", {"app": "web"}
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    pod = {"serviceAccountName": "web", "containers": [container()]}
    selector = {"matchLabels": labels}
    subject = [{"kind": "ServiceAccount", "name": "web", "namespace": space}]
    binding = {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "web"}, "subjects": subject}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}},
        item("v1", "ServiceAccount", space),
        item("v1", "ConfigMap", space, data={"mode": "fast", "index": str(index)}),
        item("v1", "Secret", space, stringData={"token": f"not-a-secret-{index}"}),
        item("v1", "ResourceQuota", space, spec={"hard": {"pods": "20"}}),
        item("rbac.authorization.k8s.io/v1", "Role", space, rules=rules),
        item("rbac.authorization.k8s.io/v1", "RoleBinding", space, **binding),
        item("networking.k8s.io/v1", "NetworkPolicy", space, spec={"podSelector": {}, "policyTypes": ["Ingress"]}),
        item(
            "v1",
            "Service",
            space,
            spec={"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        ),
        item("apps/v1", "Deployment", space, spec={"replicas": 2, "selector": selector, "template": template}),
    ]


def container() -> dict[str, Any]:
    resources = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}
    return {
        "name": "web",
        "image": "registry.example/web:1.0.0",
        "ports": [{"containerPort": 8080}],
        "resources": resources,
    }


def item(api_version: str, kind: str, namespace: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": namespace}, **fields}


def nodes() -> list[dict[str, Any]]:
    size = {"cpu": "64", "memory": "256Gi", "pods": "250"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"node-{index}", "annotations": {"kwok.x-k8s.io/node": "fake"}},
            "status": {"capacity": size, "allocatable": size},
        }
        for index in range(NODES)
    ]


@contextmanager
def fresh(project: Path, tools: dict[str, Path]) -> Iterator[SandboxDir]:
    """A new control plane with empty nodes, taken away afterwards."""
    directory = SandboxDir.of(project, "bench")
    plane = ControlPlane(directory, tools)
    plane.start(lambda _: None)
    try:
        kubectl(tools, directory, "apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(nodes()))
        yield directory
    finally:
        plane.delete()


def kubectl(tools: dict[str, Path], directory: SandboxDir, *arguments: str, stdin: str | None = None) -> str:
    environment = os.environ | {"KUBECONFIG": str(directory.kubeconfig)}
    command = [tools["kubectl"], *arguments]
    return subprocess.run(command, input=stdin, env=environment, text=True, check=True, capture_output=True).stdout


def timed(action: Callable[[], object]) -> float:
    start = time.monotonic()
    action()
    return time.monotonic() - start


def write_project(project: Path, objects: list[dict[str, Any]]) -> None:
    (project / "stacks").mkdir()
    (project / "Pulumi.yaml").write_text("name: bench\nruntime: python\nmain: stacks\nstackConfigDir: stacks\n")
    (project / "stacks" / "Pulumi.bench.yaml").write_text("config: {}\n")
    (project / "stacks" / "__main__.py").write_text(PROGRAM)
    (project / "stacks" / "objects.json").write_text(json.dumps(objects))


def our_up(project: Path, tools: dict[str, Path], directory: SandboxDir) -> None:
    with Session("bench", project, tools, directory) as session:
        session.up(lambda _: None)


def kubectl_up(tools: dict[str, Path], directory: SandboxDir, objects: list[dict[str, Any]]) -> None:
    kubectl(tools, directory, "apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))
    kubectl(tools, directory, "wait", "deployment", "--all", "-A", "--for=condition=Available", "--timeout=300s")


def all_ready(tools: dict[str, Path], directory: SandboxDir, wanted: int) -> None:
    deployments = json.loads(kubectl(tools, directory, "get", "deployments", "-A", "-o", "json"))["items"]
    ready = [each for each in deployments if each["status"].get("readyReplicas") == each["spec"]["replicas"]]
    if len(ready) != wanted:
        raise SystemExit(f"only {len(ready)} of {wanted} deployments are ready: this run measured nothing")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    teams = -(-count // 10)
    objects = [each for index in range(teams) for each in team(index)]
    names = (*CONTROL_PLANE, "pulumi", "helm", "kubectl", "jobset-controller-manager", "trainer-controller-manager")
    tools = {name: tool.path for name, tool in ensure(names, lambda line: print(line, file=sys.stderr)).items()}
    with tempfile.TemporaryDirectory(prefix="cnai-bench-") as home:
        project = Path(home)
        write_project(project, objects)
        with fresh(project, tools) as directory:
            kubectl_seconds = timed(lambda: kubectl_up(tools, directory, objects))
            all_ready(tools, directory, teams)
        with fresh(project, tools) as directory:
            up_seconds = timed(lambda: our_up(project, tools, directory))
            all_ready(tools, directory, teams)
    result = {"objects": len(objects), "up_seconds": round(up_seconds, 2), "kubectl_seconds": round(kubectl_seconds, 2)}
    print(json.dumps(result | {"ratio": round(up_seconds / kubectl_seconds, 2)}))


if __name__ == "__main__":
    main()
