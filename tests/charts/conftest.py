"""A cache and a project of the test's own, and an upstream on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cnai.toolchain import ensure
from kustomize_upstream import Upstream


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path / "project"))
    made = Upstream()
    yield made
    made.close()


@pytest.fixture
def users_tools(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """kustomize and Helm on PATH, since the test's cache is empty."""
    with monkeypatch.context() as users:
        users.delenv("CNAI_CACHE")
        folders = {str(tool.path.parent) for tool in ensure(["kustomize", "helm"], print).values()}
    for folder in folders:
        monkeypatch.setenv("PATH", folder, prepend=":")
