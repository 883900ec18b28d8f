"""A minor upgrade and an image rotation on a simulated EKS: the commands write, `up` replaces nodes in order."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "platform"))

from platform_clone import Clone, clone

pytestmark = pytest.mark.sandbox
OLD, NEW = "1.35.9-20260601", "1.36.2-20260714"
STACK = f"""config:
  cnai:cloud:
    # where it runs
    aws: {{region: us-east-1, zones: 2, nat: single, kubernetes: "1.35", node_image: {OLD}, disposable: true}}
  cnai:pools:
    system: {{machine: m7i.2xlarge, min: 2, max: 2}}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    made = clone(tmp_path_factory.mktemp("upgrade"), "tiny")
    made.stack_file.write_text(STACK)
    made.run("up", "tiny", "--sandbox")
    yield made
    made.run("sandbox", "delete", made.env)


def nodes(project: Clone) -> dict[str, str]:
    """Name -> Kubernetes version."""
    told = project.run("kubectl", "--env", "tiny", "get", "nodes", "-o", "json").stdout
    return {
        node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in json.loads(told)["items"]
    }


def test_nodes_and_control_plane_go_to_the_next_minor_and_nothing_drifts_by_it(project: Clone):
    before = nodes(project)
    assert {version[:5] for version in before.values()} == {"v1.35"}
    refused = project.run("upgrade", "tiny", "--sandbox", "--to", "1.37", "--image", NEW, check=False)
    assert refused.returncode == 2
    assert "minors cannot be skipped" in refused.stderr
    project.run("upgrade", "tiny", "--sandbox", "--to", "1.36", "--image", NEW)
    assert "# where it runs" in project.stack_file.read_text()
    changes = project.json("up", "tiny", "--sandbox")["changes"]
    assert not {"delete", "replace"} & {operation for operation, count in changes.items() if count}
    after = nodes(project)
    assert {version[:5] for version in after.values()} == {"v1.36"}
    assert len(after) == len(before)
    assert project.json("drift", "tiny", "--sandbox")["drifted"] == []
    assert project.run("upgrade", "tiny", "--sandbox", "--to", "1.36", check=False).returncode == 2


def identities(project: Clone) -> set[str]:
    told = project.run("kubectl", "--env", "tiny", "get", "nodes", "-o", "json").stdout
    return {node["metadata"]["uid"] for node in json.loads(told)["items"]}


def test_a_rotation_puts_other_nodes_in_the_place_of_all_and_a_second_one_has_nothing_to_do(project: Clone):
    before = identities(project)
    rotated = ("rotate", "tiny", "--sandbox", "--image", "1.36.9-20261111")
    project.run(*rotated)
    project.run("up", "tiny", "--sandbox")
    after = identities(project)
    assert len(after) == len(before)
    assert not after & before
    assert project.json(*rotated)["values"] == {}
