"""Trainer and JobSet, and the runtime that teams train with."""

import pytest

from cnai.catalog import catalog
from cnai.clouds.traits import ClusterTraits
from cnai.kubeflow.jobset import component as jobset
from cnai.kubeflow.trainer import component as trainer

TRAITS = ClusterTraits(kubernetes_version="1.36", storage_class="any", load_balancer="cloud")


def test_the_charts_own_jobset_and_runtimes_stay_off(declared):
    found = {
        each.name: each for each in declared(lambda: trainer.Trainer("trainer", trainer.TrainerArgs(traits=TRAITS)))
    }
    values = found["trainer-release"].inputs["values"]
    assert values["jobset"] == {"install": False}
    assert values["runtimes"] == {"defaultEnabled": False}


def test_the_runtime_comes_once_its_controller_and_kind_are_there(declared):
    found = {
        each.name: each for each in declared(lambda: trainer.Trainer("trainer", trainer.TrainerArgs(traits=TRAITS)))
    }
    runtime = found["trainer-torch-distributed"]
    assert runtime.type == "kubernetes:trainer.kubeflow.org/v1alpha1:ClusterTrainingRuntime"
    assert runtime.inputs["metadata"]["name"] == "torch-distributed"
    assert found["trainer-release"].key in runtime.options["dependsOn"]


def test_the_runtimes_image_is_the_catalogs():
    image = catalog()["kubeflow-trainer"].runtimes[trainer.TORCH]
    assert trainer.torch_pod(image)["containers"][0]["image"] == image


def test_the_runtime_meets_the_restricted_pod_security_standard():
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    pod = trainer.torch_pod("example.org/torch:1")
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert all(set(volume) - {"name"} <= {"emptyDir"} for volume in pod["volumes"])
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


def test_processes_of_one_node_can_share_memory():
    pod = trainer.torch_pod("example.org/torch:1")
    (mount,) = pod["containers"][0]["volumeMounts"]
    assert (mount["mountPath"], pod["volumes"][0]["emptyDir"]) == ("/dev/shm", {"medium": "Memory"})


@pytest.mark.parametrize("replicas", [1, 2])
def test_controllers_have_as_many_replicas_as_asked_for(replicas):
    assert (
        trainer.chart_values(trainer.TrainerArgs(traits=TRAITS, replicas=replicas))["manager"]["replicas"] == replicas
    )
    controller = jobset.chart_values(jobset.JobSetArgs(traits=TRAITS, replicas=replicas))["controller"]
    assert (controller["replicas"], controller["podDisruptionBudget"]["enabled"]) == (replicas, replicas > 1)


def test_users_values_win():
    args = trainer.TrainerArgs(traits=TRAITS, values={"manager": {"replicas": 7}})
    assert trainer.chart_values(args)["manager"]["replicas"] == 7
