"""A TrainJob whose runtime nobody has seen: what the runtime may bring is undecided, never a pass."""

import pytest

from cnai.policy.evaluate import evaluate_set
from cnai.policy.loading import rules
from cnai.policy.model import Context, Resource, Verdict


@pytest.mark.parametrize(
    "limits",
    [{}, {"memory": "1Gi"}, {"hugepages-2Mi": "1Gi"}, {"vpc.amazonaws.com/efa": 32}, {"rdma/ib": 1, "cpu": 8}],
    ids=str,
)
def test_gpus_are_the_runtimes_where_a_job_names_other_things_alone(limits):
    job = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": "job", "namespace": "team"},
        "spec": {"runtimeRef": {"name": "elsewhere"}, "trainer": {"resourcesPerNode": {"limits": limits}}},
    }
    (found,) = evaluate_set(rules()["gpuTrainJobs"], [Resource(job)], Context())
    assert found.verdict is Verdict.UNDECIDED
    assert "its GPUs are set by its runtime" in found.message
