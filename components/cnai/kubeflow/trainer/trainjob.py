"""From a short description of a training job to the TrainJob that a team submits."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import pydantic
from pydantic import Field, StrictStr, model_validator

from cnai.clouds.pools import PoolPlan
from cnai.clouds.settings import Settings
from cnai.documents import read_yaml
from cnai.environment.spec import Name
from cnai.errors import UserError
from cnai.kubeflow.queues import PREFERRED_TOPOLOGY, PRIORITY_LABEL, QUEUE_LABEL
from cnai.problems import message, nearest, of_validation
from cnai.quantities import canonical, canonical_binary
from cnai.tenancy.names import TEAM_LABEL, TRAINER_ACCOUNT, priority_class

if TYPE_CHECKING:
    from cnai.environment import Environment

RUNTIME = "torch-distributed"
TRAINER_JOB = "node"
"""What Trainer's runtimes call the training job among their replicated jobs."""
_FILE = "train.yaml"
LONGEST_ARGUMENT = 128 * 1024
"""Bytes that Linux takes as one argument of a program (MAX_ARG_STRLEN)."""


class TrainingExample(Settings):
    """A training job in the words of the one who runs it."""

    name: Name
    pool: StrictStr
    """Pool of the environment whose nodes it wants."""
    nodes: Annotated[int, Field(strict=True, ge=1, le=5000)] = 1
    gpus_per_node: Annotated[int, Field(strict=True, ge=0)] | None = None
    """All of a node's where it is left out."""
    image: Annotated[StrictStr, Field(min_length=1)] | None = None
    """The runtime's own where it is left out."""
    command: Annotated[tuple[StrictStr, ...], Field(min_length=1)] | None = None
    script: StrictStr | None = None
    """A Python file beside this one: torchrun starts it once per GPU, in place of a command."""
    env: dict[StrictStr, StrictStr] = Field(default_factory=dict)
    queue: Annotated[StrictStr, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")] | None = None
    """Kueue's LocalQueue of the team, a label's value; where left out `default`, else its only one, else none."""

    @model_validator(mode="after")
    def _command_or_script(self) -> Self:
        if (self.command is None) == (self.script is None):
            raise ValueError("give either a command or a script")
        return self


def load_example(path: Path) -> TrainingExample:
    """From `train.yaml`, or the folder that holds it; a script is read in as a command.

    Raises `UserError` with a line for each thing that is wrong.
    """
    file = path / _FILE if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read ({error}): name a folder with a {_FILE}") from None
    try:
        example = TrainingExample.model_validate(read_yaml(text, str(file)))
    except pydantic.ValidationError as error:
        raise UserError(message(of_validation(error, TrainingExample), prefix=f"{file}: ")) from None
    if example.script is None:
        return example
    script = file.parent / example.script
    try:
        source = script.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: script: {script} cannot be read ({error}): name a Python file beside it") from None
    if len(source.encode()) >= LONGEST_ARGUMENT:
        raise UserError(f"{file}: script: {script} has 128 KiB or more: give an image and a command instead")
    # torchrun starts any program: Python with the source as an argument needs no volume and no image of one's own.
    command = ("torchrun", "--no-python", "python", "-c", source)
    return example.model_copy(update={"script": None, "command": command})


def train_job(
    example: TrainingExample,
    team: str,
    environment: "Environment",
    queue: str | None = None,
    topology_level: str | None = None,
) -> dict[str, Any]:
    """The TrainJob (trainer.kubeflow.org/v1alpha1) on our runtime, which the `restricted` pod security level admits.

    `topology_level`: the node label whose value all its pods should share, where the queue places them by that.
    Raises `UserError` for a pool that is not there, more GPUs than its nodes have, or than the team may have.
    """
    pool = environment.pools.get(example.pool)
    if pool is None:
        raise UserError(f"pool: no pool {example.pool!r}: {nearest(example.pool, list(environment.pools))}")
    gpus = pool.gpus_per_node if example.gpus_per_node is None else example.gpus_per_node
    _within_reach(example, pool, gpus, team, environment.gpu_quota(team))
    labels, ours = {TEAM_LABEL: team}, queue is not None and "kueue" in environment.features
    waiting = {QUEUE_LABEL: queue} if queue else {}
    if ours:
        waiting[PRIORITY_LABEL] = priority_class(environment.teams[team].priority)
    # Our flavors bring the tolerations of their route with the admission.
    tolerations = [each.toleration for each in pool.all_taints] if ours else pool.tolerations
    patch = placement(pool, labels, tolerations, {PREFERRED_TOPOLOGY: topology_level} if topology_level else {})
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": example.name, "namespace": team, "labels": labels | waiting},
        "spec": {
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "ClusterTrainingRuntime", "name": RUNTIME},
            "trainer": trainer(example, pool, gpus),
            "runtimePatches": [{"manager": "cnai.dev/train", "trainingRuntimeSpec": patch}],
        },
    }


def _within_reach(example: TrainingExample, pool: PoolPlan, gpus: int, team: str, quota: Mapping[str, int]) -> None:
    if gpus > pool.gpus_per_node:
        has = f"{pool.name}'s nodes ({pool.machine.name}) have {pool.gpus_per_node}"
        raise UserError(f"gpus_per_node: {gpus}, but {has}: ask for at most that")
    together, share = example.nodes * gpus, quota.get(pool.gpu_resource or "", 0)
    if together > share:
        raise UserError(
            f"nodes x gpus_per_node: {together} GPUs, but team {team} may have {share} at once: "
            f"ask for fewer, or raise cnai:teams.{team}.gpus.{pool.name}"
        )


def trainer(example: TrainingExample, pool: PoolPlan, gpus: int) -> dict[str, Any]:
    """CPU and memory go with the GPUs, in the proportion in which the node has them.

    Nothing is empty or written in two ways: Kueue reads and writes the whole job, and this part of it may not change.
    """
    requests = {
        "cpu": canonical(max(1, int(pool.machine.vcpu * _share(pool, gpus))) * 1000),
        "memory": canonical_binary(_memory_gib(pool, gpus) * 1024),
    }
    if gpus and pool.gpu_resource:
        requests[pool.gpu_resource] = str(gpus)
    limits = {key: value for key, value in requests.items() if key != "cpu"}
    found: dict[str, Any] = {
        "numNodes": example.nodes,
        "command": list(example.command or ()),
        "env": [{"name": name, "value": value} for name, value in example.env.items()],
        "image": example.image,
        "resourcesPerNode": {"requests": requests, "limits": limits},
    }
    return {key: value for key, value in found.items() if value}


def placement(
    pool: PoolPlan, labels: Mapping[str, str], tolerations: list[dict[str, Any]], annotations: Mapping[str, str]
) -> dict[str, Any]:
    """Patch of the runtime, which has shared memory and gives up privileges already: whose pods, and on which nodes."""
    pod = {
        "nodeSelector": pool.selector,
        "tolerations": tolerations,
        "serviceAccountName": TRAINER_ACCOUNT,
    }
    metadata = {"labels": dict(labels)} | ({"annotations": dict(annotations)} if annotations else {})
    template = {"metadata": metadata, "spec": pod}
    jobs = [{"name": TRAINER_JOB, "template": {"spec": {"template": template}}}]
    return {"template": {"spec": {"replicatedJobs": jobs}}}


def _share(pool: PoolPlan, gpus: int) -> float:
    """Of a node, with a tenth left to the system and to DaemonSets; a job without GPUs gets a fair half."""
    return 0.9 * gpus / pool.gpus_per_node if pool.gpus_per_node and gpus else 0.5


def _memory_gib(pool: PoolPlan, gpus: int) -> int:
    return max(1, int(pool.machine.memory_gib * _share(pool, gpus)))
