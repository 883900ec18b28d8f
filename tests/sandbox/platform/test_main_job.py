"""The main job, as a user does it: up, look, train, change, destroy. The tests build on each other, in this order."""

import pytest
from platform_clone import Clone

pytestmark = pytest.mark.sandbox
SECRET = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def empty(project: Clone) -> set[str]:
    """What a control plane has of itself."""
    project.run("sandbox", "start")
    return project.everything()


@pytest.fixture(scope="module")
def brought_up(project: Clone, empty: set[str]) -> dict:
    assert empty
    key = "cnai:secrets.grafana_admin_password"
    project.run("pulumi", "config", "set", "--secret", "--path", key, SECRET, "-s", "local")
    return project.json("up", "local")


def test_up_brings_every_package_up_and_says_how_honest_each_is(brought_up):
    assert brought_up["ready"], brought_up
    rows = {row["package"]: row for row in brought_up["packages"]}
    assert {"cert-manager", "gpu-operator", "istiod", "kube-prometheus-stack", "jobset", "kubeflow-trainer"} <= set(
        rows
    )
    assert all(row["how"].startswith(("real chart", "stand-in", "manifests")) for row in rows.values())
    assert "real controller" in rows["kubeflow-trainer"]["how"]
    assert "real controller" in rows["jobset"]["how"]


def test_the_gpu_pools_have_what_their_machines_have(brought_up):
    pools = {row["pool"]: row for row in brought_up["pools"]}
    assert (pools["h100"]["nodes"], pools["h100"]["gpus"]) == (2, 16)
    assert (pools["a100"]["nodes"], pools["a100"]["gpus"]) == (1, 8)
    assert pools["system"]["gpus"] == 0


def test_a_second_up_changes_nothing(project, brought_up):
    changes = project.json("up", "local")["changes"]
    assert set(changes) == {"same"}


def test_plain_pulumi_works_on_the_same_stack(project, brought_up):
    done = project.run("pulumi", "up", "-s", "local", "--yes", "--skip-preview", "--non-interactive")
    assert "unchanged" in done.stdout


def test_a_secret_of_the_stack_config_is_nowhere_in_clear_text(project, brought_up):
    shown = project.run("up", "local").stderr + project.run("outputs", "local", "--json").stdout
    assert SECRET not in shown
    files = [path for path in project.root.rglob("*") if path.is_file() and "etcd" not in str(path)]
    assert len(files) > 20
    assert [str(path) for path in files if SECRET.encode() in path.read_bytes()] == []


def test_a_training_job_runs_on_the_gpu_pool_and_completes(project, brought_up):
    told = project.json("train", "examples/chatbot")
    assert told["verdict"] == "Complete"
    assert len(told["placed"]) == 2
    assert all("h100" in node for node in told["placed"].values())


def test_status_of_what_is_up_is_ready(project, brought_up):
    assert project.json("status", "local")["ready"]


def test_without_gpu_nodes_the_same_job_waits_and_the_scheduler_says_why(project, brought_up):
    project.edit(lambda config: [config["cnai:pools"][pool].update(min=0) for pool in ("h100", "a100")])
    project.run("up", "local")
    done = project.run("train", "examples/chatbot", "--timeout", "15", check=False)
    assert done.returncode == 1
    assert "nodes are available" in done.stdout
    assert "nodes are available" in done.stderr


def test_refresh_finds_what_someone_took_away_and_up_puts_it_back(project, brought_up):
    project.run("kubectl", "delete", "resourcequota", "--all", "-n", "research")
    assert project.json("refresh", "local")["changes"].get("delete", 0) >= 1
    assert project.json("up", "local")["changes"].get("create", 0) >= 1


def test_destroy_leaves_nothing(project, brought_up, empty):
    project.run("destroy", "local")
    assert project.everything() - empty == set()
