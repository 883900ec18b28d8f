"""A cache and a project of the test's own, and an upstream on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kustomize_upstream import Upstream


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path / "project"))
    made = Upstream()
    yield made
    made.close()
