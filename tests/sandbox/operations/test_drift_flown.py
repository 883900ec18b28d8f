"""Drift as CI would look for it, on an environment that is really up."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "platform"))

from platform_clone import Clone, clone

pytestmark = pytest.mark.sandbox
SMALL = {
    "cnai:cloud": {"local": {}},
    "cnai:pools": {"system": {"machine": "cpu-8", "min": 1}},
    "cnai:features": {},
    "cnai:teams": {"research": {}},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    made = clone(tmp_path_factory.mktemp("drift"))
    made.edit(lambda config: (config.clear(), config.update(SMALL)))
    yield made
    made.run("sandbox", "delete", made.env)


def test_what_was_never_brought_up_is_not_called_free_of_drift(project: Clone):
    done = project.run("drift", "local", check=False)
    assert done.returncode == 2
    assert "never been brought up" in done.stderr


def test_what_somebody_edits_or_deletes_is_told_and_nothing_is_changed_by_looking(project: Clone):
    project.run("up", "local")
    assert project.json("drift", "local")["drifted"] == []
    label = "pod-security.kubernetes.io/enforce=privileged"
    project.run("kubectl", "label", "namespace", "research", label, "--overwrite")
    project.run("kubectl", "delete", "resourcequota", "--all", "-n", "research")
    for _ in range(2):
        done = project.run("drift", "local", "--json", check=False)
        assert done.returncode == 1
        assert '"what": "changed"' in done.stdout
        assert '"what": "gone"' in done.stdout
