"""The same platform on other clouds: what it becomes there, and what is said of what it cannot have."""

import json

import pytest

from cnai.cli import app
from cnai.cli.console import ExitCode
from cnai.clouds.machines import machines
from cnai.environment import Environment
from cnai.environment.spec import CloudSpec
from cnai.errors import UserError
from cnai.operations.comparison import compared, sample_settings
from cnai.operations.replanning import as_large, replanned

CLOUDS = tuple(CloudSpec.model_fields)


def environment(cloud="aws", name="prod", features=None, **pools):
    settings = {"aws": {"region": "us-east-1"}, "local": {}}[cloud]
    system = {"machine": {"aws": "m7i.2xlarge", "local": "cpu-8"}[cloud], "min": 3, "max": 3}
    config = {"cloud": {cloud: settings}, "pools": {"system": system, **pools}, "features": features or {}}
    return Environment.load(name, {f"cnai:{key}": value for key, value in config.items()})


H100 = {
    "accelerator": "H100",
    "min": 2,
    "max": 8,
    "capacity": [{"block": "cr-0a", "zone": "us-east-1a"}, "on-demand"],
    "fabric": "efa",
}


def reasons(made, subject):
    return {each.wanted: each.reason for each in made.unmet if each.subject == subject}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_cloud_has_sample_settings_that_hold_together_and_traits_before_there_is_a_cluster(cloud):
    settings = sample_settings(cloud)
    assert list(settings.problems()) == []
    found = compared([environment()], [cloud])
    assert dict(found.rows)["storage class"][1]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_cloud_has_a_cpu_machine_as_large_as_the_system_pools(cloud):
    found = as_large(machines("aws")["m7i.2xlarge"], cloud)
    assert found is not None
    assert found.vcpu >= 8


def test_a_gpu_pool_keeps_its_gpus_per_node_and_loses_what_the_other_cloud_has_not():
    made = replanned(environment(h100=H100).stack, "azure", sample_settings("azure"))
    plan = made.pools["h100"]
    assert (plan.machine.accelerator_count, plan.machine.accelerator.kind) == (8, "H100")
    assert [route.kind for route in plan.routes] == ["on-demand"]
    said = reasons(made, "pool h100")
    assert "azure has no efa" in said["fabric: efa"]
    assert "azure has no block: on-demand is left" in said["capacity: block"]


def test_an_accelerator_that_a_cloud_lacks_leaves_the_pool_out_and_says_what_it_has():
    pool = {"accelerator": "L4", "max": 1}
    made = replanned(environment(l4=pool).stack, "azure", sample_settings("azure"))
    assert "l4" not in made.pools
    (reason,) = reasons(made, "pool l4").values()
    assert "azure has no 'L4': give" in reason


def test_buckets_are_missed_where_there_are_none():
    made = replanned(environment(features={"object_store": "bucket"}).stack, "onprem", sample_settings("onprem"))
    assert reasons(made, "features") == {"object_store: bucket": "onprem has minio or seaweedfs"}


def test_what_the_other_cloud_itself_would_refuse_of_a_pool_is_said():
    made = replanned(environment(cpu={"machine": "m7i.xlarge", "max": 5}).stack, "onprem", sample_settings("onprem"))
    assert "nothing creates nodes here" in reasons(made, "pool cpu")["max"]


def test_on_its_own_cloud_nothing_is_missed():
    assert replanned(environment(h100=H100).stack, "aws", sample_settings("aws")).unmet == ()


def test_two_environments_are_set_side_by_side_and_each_others_wishes_are_looked_at():
    local = environment("local", "here", a100={"accelerator": "A100", "max": 1})
    found = compared([environment(h100=H100), local])
    told = found.as_json()
    assert told["rows"]["h100: machine"]["here"] == "-"
    assert told["rows"]["cloud"] == {"prod": "aws", "here": "local"}
    assert {"cloud", "storage class", "USD an hour"} <= set(found.differing)
    assert "kubernetes" not in found.differing
    assert {(each["of"], each["on"]) for each in told["not_honoured"]} >= {("prod", "here")}
    lines = found.markdown().splitlines()
    assert lines[0] == "|  | prod | here |"
    assert len({line.count("|") for line in lines[: len(found.rows) + 2]}) == 1


def test_a_cloud_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(UserError, match="no cloud 'ibm': give one of local, aws"):
        compared([environment()], ["ibm"])


def test_the_command_compares_with_another_cloud_and_wants_something_to_compare_with(tmp_path, monkeypatch, capsys):
    (tmp_path / "Pulumi.yaml").write_text("name: cnai\nruntime: python\n")
    (tmp_path / "stacks").mkdir()
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path))
    config = {"cnai:cloud": {"local": {}}, "cnai:pools": {"system": {"machine": "cpu-8", "min": 1}}}
    (tmp_path / "stacks" / "Pulumi.here.yaml").write_text(json.dumps({"config": config}))
    assert app.run(["compare", "here", "--on", "aws", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["environments"] == ["here", "here on aws"]
    assert app.run(["compare", "here", "--on", "aws"]) == ExitCode.DONE
    assert app.run(["compare", "here"]) == ExitCode.WRONG_INPUT
    assert "--on gcp,azure" in capsys.readouterr().err
