"""The TrainJob that `cnai train` submits lands on its pool, within the team's means and its namespace's rules."""

import json
import os
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cnai.environment import Environment
from cnai.errors import UserError
from cnai.kubeflow.trainer.component import torch_runtime
from cnai.kubeflow.trainer.trainjob import RUNTIME, TRAINER_JOB, load_example, train_job, trainer

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = Path(os.environ.get("CNAI_REFERENCE", ROOT.parent / "shared" / "reference"))
CHATBOT = ROOT / "examples" / "chatbot"


@pytest.fixture(scope="module")
def local() -> Environment:
    document = yaml.safe_load((ROOT / "stacks" / "Pulumi.local.yaml").read_text())
    return Environment.load("local", document["config"])


@pytest.fixture
def write(tmp_path):
    def example(**facts):
        text = {"name": "job", "pool": "h100", "command": ["true"], **facts}
        (tmp_path / "train.yaml").write_text(yaml.safe_dump({k: v for k, v in text.items() if v is not None}))
        return tmp_path

    return example


def pod_patch(job):
    patch = job["spec"]["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"][0]
    return patch["template"]["spec"]["template"]["spec"]


def test_the_chatbot_takes_two_whole_nodes_of_the_h100_pool(local):
    job = train_job(load_example(CHATBOT), "research", local)
    trainer = job["spec"]["trainer"]
    assert (job["metadata"]["namespace"], job["metadata"]["name"]) == ("research", "chatbot")
    assert trainer["numNodes"] == 2
    assert trainer["resourcesPerNode"]["limits"]["nvidia.com/gpu"] == "8"
    assert pod_patch(job)["nodeSelector"] == {"cnai.dev/pool": "h100"}
    assert pod_patch(job)["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
    ]


def test_a_job_names_the_runtime_that_the_trainer_component_makes_and_a_job_in_it():
    runtime = torch_runtime("image")
    assert runtime["metadata"]["name"] == RUNTIME
    assert [job["name"] for job in runtime["spec"]["template"]["spec"]["replicatedJobs"]] == [TRAINER_JOB]


def test_the_script_beside_the_file_is_what_torchrun_starts(local):
    command = train_job(load_example(CHATBOT), "research", local)["spec"]["trainer"]["command"]
    assert command[:4] == ["torchrun", "--no-python", "python", "-c"]
    assert command[4] == (CHATBOT / "train.py").read_text()
    # Linux takes arguments of at most 128 KiB.
    assert len(command[4]) < 128 * 1024


def test_a_job_leaves_its_privileges_to_the_runtime_and_runs_as_the_teams_own_account(local):
    pod = pod_patch(train_job(load_example(CHATBOT), "research", local))
    assert set(pod) == {"nodeSelector", "tolerations", "serviceAccountName"}
    assert pod["serviceAccountName"] == "trainer"


def test_a_job_asks_for_the_share_of_a_node_that_its_gpus_are(local, write):
    requests = {
        gpus: train_job(load_example(write(gpus_per_node=gpus)), "research", local)["spec"]["trainer"][
            "resourcesPerNode"
        ]
        for gpus in (1, 8)
    }
    assert (requests[1]["requests"]["cpu"], requests[8]["requests"]["cpu"]) == ("21", "172")
    node = local.pools["h100"].machine
    assert int(requests[8]["requests"]["memory"].removesuffix("Gi")) < node.memory_gib


def test_what_may_not_change_of_a_job_reads_the_same_after_kueue_wrote_it(local, write):
    """A typed client leaves out what is empty, and writes 1024Gi as 1Ti."""
    found = train_job(load_example(write(gpus_per_node=8)), "research", local)["spec"]["trainer"]
    assert all(found.values())
    pool = replace(local.pools["h100"], machine=replace(local.pools["h100"].machine, vcpu=1112, memory_gib=1138))
    assert trainer(load_example(write()), pool, 8)["resourcesPerNode"]["requests"] == {
        "cpu": "1k",
        "memory": "1Ti",
        "nvidia.com/gpu": "8",
    }


def test_the_jobs_pods_carry_the_teams_label(local):
    job = train_job(load_example(CHATBOT), "research", local)
    patch = job["spec"]["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"][0]
    assert patch["template"]["spec"]["template"]["metadata"]["labels"] == {"cnai.dev/team": "research"}


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"pool": "h200"}, "no pool 'h200': did you mean 'h100'"),
        ({"gpus_per_node": 9}, "h100-8\\) have 8"),
        ({"nodes": 4}, "32 GPUs, but team research may have 24 at once"),
        ({"pool": "system", "gpus_per_node": 1}, "have 0"),
    ],
)
def test_a_job_that_could_never_run_is_refused_before_it_is_sent(local, write, facts, says):
    with pytest.raises(UserError, match=says):
        train_job(load_example(write(**facts)), "research", local)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"command": None}, "give either a command or a script"),
        ({"script": "train.py"}, "give either a command or a script"),
        ({"command": None, "script": "gone.py"}, r"script: .*gone\.py cannot be read"),
        ({"nodes": 0}, "nodes: give at least 1"),
        ({"gpus": 1}, "gpus: unknown key"),
        ({"name": "My Job"}, "name: use at most"),
        ({"command": "torchrun"}, "command: give a list"),
    ],
)
def test_a_mistake_in_the_file_is_a_line_with_its_path(write, facts, says):
    with pytest.raises(UserError, match=says) as refused:
        load_example(write(**facts))
    assert "train.yaml" in str(refused.value)


def test_a_folder_without_the_file_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        load_example(tmp_path / "nowhere")


@given(st.binary(max_size=60))
def test_no_content_of_the_file_gets_a_traceback(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("job") / "train.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError):
        load_example(file)


@pytest.mark.reference
@pytest.mark.parametrize("facts", [{}, {"gpus_per_node": 0, "pool": "system"}, {"image": "a/b:c", "nodes": 1}])
def test_what_is_submitted_is_valid_against_trainers_own_crd(local, write, facts):
    crd = json.loads((REFERENCE / "crds/kubeflow-trainer/trainjobs.trainer.kubeflow.org.json").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for folder in (CHATBOT, write(**facts)):
        job = train_job(load_example(folder), "research", local)
        jsonschema.Draft202012Validator(closed(schema)).validate(job)


def closed(schema):
    """The schema as the API server's strict field validation reads it: what is not named is refused."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(each) for key, each in schema.items()}
    named = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    root = named and "apiVersion" in schema["properties"]
    if named and not root and not schema.get("x-kubernetes-preserve-unknown-fields"):
        found["additionalProperties"] = False
    return found


def test_a_script_too_long_to_be_an_argument_is_refused(write):
    file = write(command=None, script="long.py")
    (file if file.is_dir() else file.parent).joinpath("long.py").write_text("#" * 128 * 1024)
    with pytest.raises(UserError, match="give an image and a command instead"):
        load_example(file)
