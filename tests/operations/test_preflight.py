"""Findings, chart sources, clusters that exist already, and the command's exit codes."""

import json

import httpx2
import pytest

from cnai.cli import app
from cnai.cli.console import ExitCode
from cnai.clouds.machines import machines
from cnai.clouds.pools import PoolPlan
from cnai.environment import Environment
from cnai.operations import charts
from cnai.operations.findings import Finding, counted, failed, ok, passed, unchecked
from cnai.operations.onprem import preflight as onprem
from cnai.operations.preflight import preflight


def test_only_a_failure_stops_an_up_and_what_was_not_checked_is_counted():
    found = [passed("a", "b", "c"), unchecked("a", "b", "c", "do")]
    assert ok(found)
    assert not ok([*found, failed("a", "b", "c", "do")])
    assert counted(found) == {"fail": 0, "warn": 0, "not checked": 1, "pass": 1}


def test_a_finding_that_is_not_well_must_say_what_to_do():
    with pytest.raises(ValueError, match="say what to do"):
        Finding(check="quota", subject="h100", verdict="warn", text="tight")


def answering(*responses):
    """A network on which each host answers with a status, or not at all."""
    table = dict(responses)

    def handle(request):
        assert request.method == "HEAD"
        status = table.get(request.url.host)
        if status is None:
            raise httpx2.ConnectError("no route to host")
        return httpx2.Response(status)

    return httpx2.MockTransport(handle)


def test_each_chart_source_is_asked_once_and_one_that_is_silent_is_not_called_well():
    network = answering(("charts.jetstack.io", 200), ("registry.k8s.io", 401), ("charts.min.io", 404))
    used = ("cert-manager", "jobset", "minio", "istiod", "istio-base")
    found = {each.subject: each.verdict for each in charts.chart_findings(used, network)}
    assert found == {
        "cert-manager": "pass",
        "jobset": "pass",
        "minio": "warn",
        "istiod, istio-base": "not checked",
    }


def test_an_index_behind_a_login_is_no_chart_source():
    (found,) = charts.chart_findings(["cert-manager"], answering(("charts.jetstack.io", 401)))
    assert found.verdict == "warn"


LOCAL = {
    "cnai:cloud": {"local": {}},
    "cnai:pools": {"system": {"machine": "cpu-8", "min": 1}},
    "cnai:features": {"mesh": "istio", "cert_manager": True},
}


def test_the_charts_of_the_features_that_are_on_are_those_looked_at():
    environment = Environment.load("local", LOCAL)
    assert set(environment.packages) == {
        "cert-manager",
        "istio-base",
        "istiod",
        "istio-gateway",
    }


def gpu_pool(least=2, most=4):
    machine = machines("local")["h100-8"]
    return PoolPlan(name="h100", machine=machine, min=least, max=most, node_selector={"gpu": "h100"})


def node(name, ready="True", **allocatable):
    plenty = {"cpu": "1000", "memory": "99Ti", "nvidia.com/gpu": "8"}
    return {
        "metadata": {"name": name, "labels": {"gpu": "h100"}},
        "status": {"allocatable": plenty | allocatable, "conditions": [{"type": "Ready", "status": ready}]},
    }


@pytest.mark.parametrize(
    ("nodes", "verdicts"),
    [
        ([node("a"), node("b")], ["pass"]),
        ([node("a")], ["fail"]),
        ([node("a"), node("b", ready="Unknown")], ["fail"]),
        ([node(letter) for letter in "abcde"], ["warn"]),
        ([node("a"), node("b", memory="64Gi")], ["pass", "fail"]),
        ([node("a"), node("b", **{"nvidia.com/gpu": "4"})], ["pass", "fail"]),
        ([], ["fail"]),
    ],
)
def test_existing_nodes_must_be_as_many_and_as_large_as_the_pool_says(nodes, verdicts):
    assert [each.verdict for each in onprem.node_findings([gpu_pool()], nodes)] == verdicts


@pytest.mark.parametrize(("marked", "verdict"), [([], "warn"), (["a"], "pass"), (["a", "b"], "warn")])
def test_one_storage_class_must_be_the_default(marked, verdict):
    classes = [
        {"metadata": {"name": name, "annotations": {onprem.DEFAULT_CLASS: str(name in marked).lower()}}}
        for name in "abc"
    ]
    assert onprem.default_class_finding(classes).verdict == verdict


def test_a_cluster_that_does_not_answer_fails_and_nothing_of_it_is_called_well(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    found = list(onprem.findings(Environment.load("local", LOCAL)))
    assert [each.verdict for each in found] == ["fail", "not checked", "not checked"]


def test_the_command_ends_with_1_where_something_fails_and_2_where_the_environment_is_wrong(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "Pulumi.yaml").write_text("name: cnai\nruntime: python\n")
    (tmp_path / "stacks").mkdir()
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path))
    (tmp_path / "stacks" / "Pulumi.local.yaml").write_text(json.dumps({"config": LOCAL}))
    monkeypatch.setattr("cnai.operations.preflight.chart_findings", lambda _: [unchecked("chart", "x", "y", "z")])
    assert app.run(["preflight", "local", "--json"]) == ExitCode.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["verdicts"]["not checked"] >= 1
    assert told["usd_per_hour"]["min"] == preflight(Environment.load("local", LOCAL)).as_json()["usd_per_hour"]["min"]
    monkeypatch.setattr("cnai.operations.preflight.chart_findings", lambda _: [failed("chart", "x", "y", "z")])
    assert app.run(["preflight", "local"]) == ExitCode.FAILED
    assert app.run(["preflight", "nowhere"]) == ExitCode.WRONG_INPUT
