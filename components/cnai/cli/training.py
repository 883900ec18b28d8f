"""`cnai train PATH`: submits a TrainJob as a team, follows it, and says where each pod ran or why it waits."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from cnai.cli.console import ExitCode, complain, out, print_json
from cnai.cli.target import EnvOption, JsonFlag, SandboxFlag, Target, YesFlag
from cnai.errors import UserError
from cnai.kube import ApiError, Kube

Object = Mapping[str, Any]
FIELD_MANAGER = "cnai-train"
API_VERSION, KIND = "trainer.kubeflow.org/v1alpha1", "TrainJob"
JOBSET_LABEL = "jobset.sigs.k8s.io/jobset-name"


def register(app: typer.Typer) -> None:
    app.command()(train)


def train(
    path: Annotated[Path, typer.Argument(help="A train.yaml, or a folder with one: examples/chatbot.")],
    env: EnvOption = "local",
    team: Annotated[str | None, typer.Option(help="The team it runs as; the only team if there is just one.")] = None,
    queue: Annotated[
        str | None, typer.Option(help="A Kueue LocalQueue; the team's own by default, if it has one.")
    ] = None,
    follow: Annotated[bool, typer.Option(help="Wait until it ends.")] = True,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds to follow it; the job stays after that.")] = 600,
    sandbox: SandboxFlag = False,
    as_json: JsonFlag = False,
    yes: YesFlag = False,
) -> int:
    """Submit a training job and follow it. Exit 0 if it completed, 1 if it failed or is still waiting."""
    target = Target.of(env, sandbox=sandbox)
    kube = cluster_of(target)
    job = manifest(target, kube, path, team, queue)
    made = submit(kube, job)
    namespace, name = made["metadata"]["namespace"], made["metadata"]["name"]
    if not as_json:
        out.print(f"submitted TrainJob {namespace}/{name}", highlight=False)
    if not follow:
        if as_json:
            print_json({"name": name, "namespace": namespace, "verdict": "submitted"})
        return ExitCode.DONE
    watched = Followed(kube, namespace, name, made["metadata"]["uid"], quiet=as_json)
    verdict = watched.until_over(timeout)
    if as_json:
        print_json(
            {
                "name": name,
                "namespace": namespace,
                "verdict": verdict,
                "placed": watched.placed,
                "waiting": watched.reason,
            }
        )
    return report(watched, verdict, env, timeout, as_json)


def manifest(target: Target, kube: Kube, path: Path, team: str | None, queue: str | None) -> dict[str, Any]:
    from cnai.kubeflow.queues import local_queues, queue_of, topology_level
    from cnai.kubeflow.trainer.trainjob import load_example, train_job

    teams = target.environment.teams
    if team is None and len(teams) != 1:
        raise UserError(
            f"--team: choose one of {', '.join(sorted(teams)) or 'no teams (declare one under cnai:teams)'}"
        )
    chosen = team or next(iter(teams))
    if chosen not in teams:
        raise UserError(f"--team: {target.env} has no team {chosen!r}; it has {', '.join(sorted(teams))}")
    example, needed = load_example(path), target.environment.has_queues
    try:
        queues = local_queues(kube, chosen)
        waits_in = queue_of(queue or example.queue, queues, chosen, needed=needed)
        level = topology_level(kube, example.pool) if waits_in else None
    except ApiError as error:
        raise UserError(f"the queues of {chosen} cannot be read: {error.message}") from error
    return train_job(example, chosen, target.environment, waits_in, level)


def cluster_of(target: Target) -> Kube:
    if target.sandbox is None:
        return Kube.from_kubeconfig(Path(os.environ.get("KUBECONFIG", "~/.kube/config").split(os.pathsep)[0]))
    if not target.sandbox.kubeconfig.is_file():
        raise UserError(f"{target.env} is not up: `./cnai up {target.env}` first")
    return Kube.from_kubeconfig(target.sandbox.kubeconfig)


def submit(kube: Kube, job: dict[str, Any]) -> Object:
    """Creates it under a unique name; a rejection is reported in the API server's or Trainer's own words."""
    metadata = {key: value for key, value in job["metadata"].items() if key != "name"}
    named = job | {"metadata": metadata | {"generateName": f"{job['metadata']['name']}-"}}
    try:
        return kube.create(named, field_manager=FIELD_MANAGER)
    except ApiError as error:
        raise UserError(f"the cluster rejected the job: {error.message}") from error


@dataclass
class Followed:
    """A job's progress: where its pods are and why they wait."""

    kube: Kube
    namespace: str
    name: str
    uid: str
    quiet: bool = False
    placed: dict[str, str] = field(default_factory=dict[str, str])
    """Pod → node, kept after the pods are gone."""
    reason: str = ""
    """Why it waits, in Kueue's or the scheduler's words; empty when all its pods are placed."""

    def until_over(self, timeout_s: float) -> str:
        """`Complete`, `Failed` with the reason, or `waiting` after the timeout."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.look()
            job = self.kube.get(API_VERSION, KIND, self.name, self.namespace)
            if job is None:
                return "gone"
            for kind in ("Complete", "Failed"):
                if condition := true_condition(job, kind):
                    return kind if kind == "Complete" else f"Failed: {condition.get('message', '')}"
            time.sleep(1)
        return "waiting"

    def look(self) -> None:
        from cnai.kubeflow.queues import waits_for

        reason = waits_for(self.kube, self.namespace, self.uid)
        for pod in self.kube.list("v1", "Pod", self.namespace, f"{JOBSET_LABEL}={self.name}"):
            node = pod["spec"].get("nodeName")
            if node and pod["metadata"]["name"] not in self.placed:
                self.placed[pod["metadata"]["name"]] = node
                self.say(f"{pod['metadata']['name']} runs on {self.describe(node)}")
            elif not node:
                reason = unschedulable(pod) or reason
        if reason and reason != self.reason:
            self.say(f"waiting: {reason}")
        self.reason = reason

    def describe(self, node: str) -> str:
        found = self.kube.get("v1", "Node", node) or {"metadata": {"labels": {}}}
        labels = found["metadata"].get("labels", {})
        facts = (
            labels.get("cnai.dev/pool"),
            labels.get("node.kubernetes.io/instance-type"),
            labels.get("topology.kubernetes.io/zone"),
        )
        return f"{node} ({', '.join(fact for fact in facts if fact)})"

    def say(self, line: str) -> None:
        if not self.quiet:
            out.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def true_condition(job: Object, kind: str) -> Object | None:
    conditions = job.get("status", {}).get("conditions", ())
    return next((each for each in conditions if each["type"] == kind and each["status"] == "True"), None)


def unschedulable(pod: Object) -> str:
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return condition.get("message", "")
    return ""


def report(watched: Followed, verdict: str, env: str, timeout: int, quiet: bool) -> int:
    job = f"{watched.namespace}/{watched.name}"
    if verdict == "Complete":
        if not quiet:
            out.print(
                f"[green]complete[/]: {len(watched.placed)} pods ran on {len(set(watched.placed.values()))} nodes",
                highlight=False,
            )
        return ExitCode.DONE
    if verdict == "waiting":
        why = watched.reason or "its pods are running, but it has not ended"
        complain(
            f"{job} has not ended after {timeout} s: {why}. It stays queued; "
            f"`./cnai kubectl --env {env} -n {watched.namespace} delete trainjob {watched.name}` withdraws it"
        )
    else:
        complain(f"{job}: {verdict}")
    return ExitCode.FAILED
