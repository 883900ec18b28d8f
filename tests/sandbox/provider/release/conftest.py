"""Releases on the shared control plane, with a cache and a sandbox folder of the test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from release_bench import NODE, Bench

from cnai.catalog import Package
from cnai.kube import Kube, Object
from cnai.paths import SandboxDir
from cnai.sandbox.controlplane import ControlPlane
from cnai.sandbox.provider.release import ReleaseResource
from cnai.toolchain import ensure


@pytest.fixture
def node(kube: Kube, put: Callable[[Object], Object]) -> Object:
    """A simulated one, for pods to run on."""
    room = {"cpu": "8", "memory": "32Gi", "pods": "100"}
    return put(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": NODE, "annotations": {"kwok.x-k8s.io/node": "fake"}},
            "status": {"capacity": room, "allocatable": room},
        }
    )


@pytest.fixture
def bench(
    control_plane: ControlPlane, node: Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    helm = ensure(["helm"], print)["helm"].path
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CNAI_REFERENCE", str(tmp_path / "no-reference"))
    sandbox, packages = SandboxDir.of(tmp_path, "test"), dict[str, Package]()
    resource = ReleaseResource(control_plane.kubeconfig, control_plane.context, sandbox, helm=helm, packages=packages)
    made = Bench(
        resource=resource,
        helm=helm,
        kubeconfig=control_plane.kubeconfig,
        context=control_plane.context,
        sandbox=sandbox,
        namespace=f"release-{tmp_path.name.replace('_', '-')[:40].strip('-')}".lower(),
        charts=tmp_path / "cache" / "charts",
        packages=packages,
    )
    yield made
    made.delete()
