"""One real control plane for all tests of a run that can share one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cnai.kube import Kube, Object
from cnai.paths import SandboxDir
from cnai.sandbox.controllers import tool_names
from cnai.sandbox.controlplane import TOOLS, ControlPlane
from cnai.toolchain import ensure, missing
from cnai.toolchain import tool_names as tier_tools


@pytest.fixture(scope="session")
def tools() -> dict[str, Path]:
    """What a control plane and its real controllers need; of controllers, what a tier beyond the base set has made."""
    extra = set(missing(tier_tools("controllers")))
    at_hand = [name for name in tool_names() if name not in extra]
    return {name: tool.path for name, tool in ensure((*TOOLS, *at_hand), print).items()}


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory, tools: dict[str, Path]) -> Iterator[ControlPlane]:
    """Shared: a test takes away what it puts there, nodes above all."""
    shared = ControlPlane(SandboxDir.of(tmp_path_factory.mktemp("project"), "shared"), tools)
    shared.start(print)
    yield shared
    shared.delete()


@pytest.fixture(scope="session")
def kube(control_plane: ControlPlane) -> Iterator[Kube]:
    client = Kube.from_kubeconfig(control_plane.kubeconfig)
    yield client
    client.close()


@pytest.fixture
def put(kube: Kube) -> Iterator[Callable[[Object], Object]]:
    """Applies an object and deletes it after the test, the last one first."""
    done: list[tuple[Any, ...]] = []

    def apply(obj: Object) -> Object:
        result = kube.apply(obj, field_manager="test")
        done.append((obj["apiVersion"], obj["kind"], obj["metadata"]["name"], obj["metadata"].get("namespace")))
        return result

    yield apply
    for key in reversed(done):
        kube.delete(*key)
