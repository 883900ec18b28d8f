"""What really runs in a sandbox follows from what an environment installs, not from where it lies."""

import pytest

from cnai.cli.target import read_stack_config
from cnai.environment import Environment
from cnai.paths import project_dir
from cnai.sandbox.controllers import tool_names
from cnai.sandbox.controllers.chosen import controllers_of

JOBSET, TRAINER, KARPENTER = "jobset-controller-manager", "trainer-controller-manager", "karpenter"
OFF = {"kubeflow": [], "kueue": False}


def environment(name: str, **features: object) -> Environment:
    config = dict(read_stack_config(project_dir(), name))
    if features:
        config["cnai:features"] = {**config.get("cnai:features", {}), **features}
    return Environment.load(name, config)


def test_an_environment_without_trainer_has_neither_it_nor_its_jobsets():
    assert controllers_of(environment("local", **OFF)) == ()


def test_jobsets_alone_bring_their_own_controller_and_no_other():
    assert controllers_of(environment("local", **OFF, jobset=True)) == (JOBSET,)


def test_trainer_brings_the_jobsets_that_it_needs_and_they_come_first():
    assert controllers_of(environment("local", kueue=False)) == (JOBSET, TRAINER)


def test_a_feature_that_is_switched_on_brings_its_controller():
    assert set(controllers_of(environment("local", kueue=True))) == {JOBSET, TRAINER, "kueue"}


def test_karpenter_runs_where_a_cluster_has_machines_by_its_route():
    assert KARPENTER in controllers_of(environment("aws-dev"))
    assert all(KARPENTER not in controllers_of(environment(name)) for name in ("local", "gcp-prod", "onprem"))


@pytest.mark.parametrize("name", ["local", "aws-dev", "aws-prod", "gcp-prod", "azure-prod", "onprem", "dev"])
def test_every_controller_of_an_installed_package_can_be_started(name):
    assert set(controllers_of(environment(name))) <= set(tool_names())
