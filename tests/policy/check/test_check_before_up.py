"""What `up` asks before anything exists: the mandatory rules, of everything inside the charts too."""

import pytest

from cnai.checks.checking import stop_violations
from cnai.errors import UserError
from cnai.render.charts import Renderer

RELEASE = """
import pulumi
import pulumi_kubernetes as kubernetes

kubernetes.helm.v3.Release("db", chart="db", version=pulumi.Config("web").get("version"), name="db", namespace="db")
"""


BAD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"hostPID": True, "containers": [{"name": "a", "image": "registry.invalid/a:1"}]},
}


@pytest.fixture
def release(tmp_path, monkeypatch):
    """A program that declares one chart; the charts at hand are in a cache of its own."""
    (tmp_path / "Pulumi.yaml").write_text("name: web\nruntime: python\nmain: stacks\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "cache" / "charts").mkdir(parents=True)
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path))
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "stacks" / "__main__.py").write_text(RELEASE)
    stack(tmp_path, "1.0.0")
    return tmp_path


def stack(project, version):
    (project / "stacks" / "Pulumi.prod.yaml").write_text(f"config: {{web:version: {version}}}\n")


def brings(monkeypatch, *objects):
    monkeypatch.setattr(Renderer, "release", lambda self, name, inputs: [*objects])


def test_up_stops_at_what_is_in_a_chart(release, monkeypatch):
    brings(monkeypatch, BAD)
    with pytest.raises(UserError, match="prod breaks its mandatory rules, nothing was changed") as refused:
        stop_violations(release, "prod", print)
    assert "Pod/web: pod must leave spec.hostPID out" in str(refused.value)
    assert "Leave spec.hostNetwork, spec.hostPID and spec.hostIPC out. (hostNamespaces)" in str(refused.value)
    brings(monkeypatch)
    stop_violations(release, "prod", print)


def test_what_has_passed_is_rendered_again_only_when_something_has_changed(release, monkeypatch):
    rendered = []
    monkeypatch.setattr(Renderer, "release", lambda self, name, inputs: rendered.append(name) or [])
    for times, change in (
        (1, lambda: None),
        (1, lambda: None),
        (2, lambda: stack(release, "1.0.1")),
        (3, lambda: (release / "cache" / "charts" / "db-1.0.1.tgz").write_text("another")),
    ):
        change()
        stop_violations(release, "prod", print)
        assert len(rendered) == times
    brings(monkeypatch, BAD)
    stack(release, "1.0.2")
    for _ in range(2):
        with pytest.raises(UserError):
            stop_violations(release, "prod", print)


def test_a_chart_in_a_folder_of_ones_own_is_rendered_each_time(release, monkeypatch):
    (release / "db").mkdir()
    rendered = []
    monkeypatch.setattr(Renderer, "release", lambda self, name, inputs: rendered.append(name) or [])
    (release / "stacks" / "__main__.py").write_text(RELEASE.replace('chart="db"', f'chart="{release / "db"}"'))
    for times in (1, 2):
        stop_violations(release, "prod", print)
        assert len(rendered) == times
