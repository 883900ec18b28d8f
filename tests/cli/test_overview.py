"""What `up` and `status` say about a cluster, from plain objects."""

import json

from cnai.cli.overview import (
    Picture,
    belongs,
    gpus_of,
    is_waiting,
    left_out,
    package_row,
    pool_rows,
    records,
    show,
    why_waiting,
)
from cnai.clouds.machines import machines
from cnai.clouds.pools import PoolPlan
from cnai.paths import SandboxDir


def node(name, pool, gpus=0):
    labels = {"cnai.dev/pool": pool, "node.kubernetes.io/instance-type": "p5"}
    return {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": {"nvidia.com/gpu": str(gpus)}}}


def pod(name="p", node_name=None, gpus=0, phase="Running", message=None):
    conditions = [{"type": "PodScheduled", "status": "False", "message": message}] if message else []
    return {
        "metadata": {"name": name, "namespace": "team"},
        "spec": {"nodeName": node_name, "containers": [{"resources": {"limits": {"nvidia.com/gpu": gpus}}}]},
        "status": {"phase": phase, "conditions": conditions},
    }


def deployment(release, namespace, wanted, ready):
    notes = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    return {
        "kind": "Deployment",
        "metadata": {"annotations": notes},
        "spec": {"replicas": wanted},
        "status": {"readyReplicas": ready},
    }


REPORT = {
    "package": "kueue",
    "release": "kueue",
    "namespace": "kueue",
    "version": "1",
    "rung": "stand-in",
    "objects": 3,
}


def test_gpus_that_a_finished_pod_held_are_free_again():
    pods = [pod(node_name="a", gpus=4), pod(node_name="a", gpus=2, phase="Succeeded")]
    [row] = pool_rows([node("a", "h100", gpus=8)], pods)
    assert (row.gpus, row.taken, row.nodes) == (8, 4, 1)
    assert gpus_of(pods[1]) == 0


def test_only_the_release_of_that_namespace_counts_its_workloads():
    mine, other = deployment("kueue", "kueue", 2, 1), deployment("kueue", "elsewhere", 9, 9)
    row = package_row(REPORT, [mine, other])
    assert (row.ready_pods, row.wanted_pods) == (1, 2)
    assert not belongs({"metadata": {}}, REPORT)


def test_a_package_with_an_unready_pod_makes_the_picture_not_ready():
    row = package_row(REPORT, [deployment("kueue", "kueue", 2, 1)])
    assert not Picture((row,), (), {}, (), ()).ready
    assert Picture((), (), {}, (), ()).ready


def test_a_stand_in_says_that_it_is_one_and_a_real_controller_names_its_version():
    assert package_row(REPORT, []).how == "stand-in"
    real = REPORT | {"rung": "chart", "controller": {"name": "jobset", "version": "v0.12.0"}}
    assert package_row(real, []).how == "real chart + real controller v0.12.0"


def test_a_waiting_pod_is_explained_in_the_schedulers_words():
    waiting = pod(phase="Pending", message="0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
    assert is_waiting(waiting)
    assert why_waiting(waiting) == "team/p: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


def test_what_was_left_out_is_grouped_by_its_reason():
    report = REPORT | {"left_out": [{"kind": "APIService", "name": "v1.x", "reason": "its server does not run here"}]}
    assert left_out([report]) == {"its server does not run here": ("kueue: APIService/v1.x",)}


def test_a_damaged_record_is_told_and_hides_no_other(tmp_path, capsys):
    directory = SandboxDir(tmp_path / "local")
    directory.report.mkdir(parents=True)
    for name, text in (("a", "{garbage"), ("b", "[]"), ("c", json.dumps(REPORT)), ("d", "{}")):
        (directory.report / f"{name}.json").write_text(text)
    assert records(directory) == [REPORT]
    assert capsys.readouterr().err.count("is damaged and was left out") == 3


def test_a_pool_that_may_have_nodes_and_has_none_is_shown(monkeypatch):
    plans = {"l4": PoolPlan(name="l4", machine=machines("local")["l4-1"], min=0, max=2)}
    rows = {row.pool: row for row in pool_rows([node("a", "system")], [], plans)}
    assert (rows["l4"].machine, rows["l4"].nodes) == ("l4-1", 0)
    assert rows["system"].nodes == 1


def test_what_nobody_here_will_make_ready_is_named_by_kind(capsys):
    show(Picture((), (), {}, (), (), {"Kafka.kafka.strimzi.io": ("data/a", "data/b")}))
    shown = " ".join(capsys.readouterr().out.split())
    assert "not waited for, since no controller of theirs runs here: Kafka.kafka.strimzi.io (data/a, data/b)" in shown
