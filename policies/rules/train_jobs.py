"""TrainJobs as the pods they become: their runtime's, with their own nodes, resources and patches merged over it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

from cnai.policy.evaluate import evaluate, evaluate_set
from cnai.policy.fields import at, each, found, holds_unknown, mapping, readable, text
from cnai.policy.loading import rules
from cnai.policy.model import Context, Finding, Resource, Rule, Severity, Verdict, undecided, violation
from cnai.policy.nodes import NODES, POOL
from cnai.policy.values import UNKNOWN, Unknown

GROUP = "trainer.kubeflow.org"
JOB, RUNTIMES = f"{GROUP}/TrainJob", (f"{GROUP}/ClusterTrainingRuntime", f"{GROUP}/TrainingRuntime")
TRAINER = "node"
"""What Trainer's runtimes call the training job, and its container."""
STEP = "trainer.kubeflow.org/trainjob-ancestor-step"
JOBS = "spec.template.spec.replicatedJobs[*]"
PATCHES = "spec.runtimePatches[*].trainingRuntimeSpec.template.spec.replicatedJobs[*]"
LABELS = "template.metadata.labels"
TEMPLATE = "template.spec.template"
OWN = {"env": "env", "resources": "resourcesPerNode"}
"""Container field -> where a TrainJob sets it."""
NO_RUNTIME = {"spec": {"tolerations": UNKNOWN, "priorityClassName": UNKNOWN}}
"""What rules require may be in a runtime that is not being checked; what they forbid is checked in the runtime."""
ASKED = (
    "gpuLimits",
    "gpuTolerations",
    "gpuQueue",
    "gpuOffSystemNodes",
    "gpuPriorityClass",
    "gpuDeviceAccess",
    "gpuVisibleDevices",
    "gpuSpotCheckpoints",
)
SLICES = "gpuSlices"
ACCELERATORS = ("nvidia.com/gpu", "nvidia.com/mig-", "amd.com/gpu", "google.com/tpu", "aws.amazon.com/neuron")
BY_NAME = ("containers", "initContainers", "volumes", "env", "claims")
ADDED = ("volumeMounts", "volumeDevices", "ports", "imagePullSecrets", "hostAliases", "topologySpreadConstraints")
"""Merged by keys that no rule looks at."""


class Trained(NamedTuple):
    """A job as the pod it becomes."""

    job: Resource
    pod: Resource
    vague: bool
    """The patches over the runtime are not known."""


def _judged(resources: Sequence[Resource], context: Context) -> Iterator[Finding]:
    trained = list[Trained]()
    runtimes = {one.id: one for one in readable(resources, JOBS) if one.kind in RUNTIMES}

    def judge(job: Resource) -> Iterator[Finding]:
        runtime = _runtime(job, runtimes)
        if runtime is None and not _names_accelerators(job):
            yield undecided("its GPUs are set by its runtime, which is not being checked", resource=job)
            return
        vague = holds_unknown(at(job.body, "metadata.name")) or _vague(job.body, PATCHES)
        vague = vague or (runtime is not None and _vague(runtime.body, JOBS))
        if vague:
            yield undecided("which patches apply to its runtime is not known yet", resource=job)
        body = effective(job, runtime)
        if isinstance(body, Unknown):
            yield undecided("the pod of its runtime is not known yet", resource=job)
            return
        pod = Resource(body, source=job.source)
        trained.append(Trained(job, pod if runtime else _anywhere(pod), vague))
        for name in ASKED:
            for finding in evaluate(rules()[name], pod, context):
                yield _told(finding, name, trained[-1])

    yield from each(judge, (one for one in resources if one.kind == JOB))
    yield from _slices(trained, resources, context)


def _told(finding: Finding, name: str, trained: Trained) -> Finding:
    sure = finding.verdict is Verdict.VIOLATION and not trained.vague
    return (violation if sure else undecided)(f"{finding.message} ({name})", finding.item, trained.job)


def _slices(trained: Sequence[Trained], resources: Sequence[Resource], context: Context) -> Iterator[Finding]:
    """Other objects say which pools share their GPUs, so all jobs are checked together."""
    nodes = [one for one in resources if one.kind not in (JOB, *RUNTIMES)]
    of_pod = {id(one.pod): one for one in trained}
    for finding in evaluate_set(rules()[SLICES], [*nodes, *(one.pod for one in trained)], context):
        if one := of_pod.get(id(finding.resource)):
            yield _told(finding, SLICES, one)
        elif finding.crashed:
            yield replace(finding, rule="")


def _anywhere(pod: Resource) -> Resource:
    """Its runtime, which is not being checked, may select nodes that it does not. Raises `WrongType`."""
    selector = mapping(pod.body, "spec.nodeSelector")
    if not isinstance(selector, Unknown) and POOL in selector:
        return pod
    return Resource({**pod.body, "spec": {**pod.body["spec"], "nodeSelector": UNKNOWN}}, source=pod.source)


def _names_accelerators(job: Resource) -> bool:
    """Otherwise the runtime's apply: Trainer merges a job's resources into those, one by one."""
    paths = (f"spec.trainer.resourcesPerNode.{part}['*']" for part in ("limits", "requests"))
    return any(one.name.startswith(ACCELERATORS) for path in paths for one in found(job.body, path))


def _vague(body: Any, path: str) -> bool:
    """Whether a list of replicated jobs, a name in it, or the training job is not known."""
    words = ("name", f"{LABELS}['{STEP}']")
    return any(
        isinstance(one.value, Unknown) or any(isinstance(at(one.value, word), Unknown) for word in words)
        for one in found(body, path)
    )


def _runtime(job: Resource, runtimes: Mapping[str, Resource]) -> Resource | None:
    """Raises `WrongType`."""
    kind = text(job.body, "spec.runtimeRef.kind") or "ClusterTrainingRuntime"
    name, space = text(job.body, "spec.runtimeRef.name"), job.namespace if kind == "TrainingRuntime" else ""
    return runtimes.get("/".join(part for part in (f"{GROUP}/{kind}", space, str(name)) if part))


def effective(job: Resource, runtime: Resource | None) -> "dict[str, Any] | Unknown":
    """The trainer's pod. Raises `WrongType` for a malformed job."""
    name, pod = _trainer(runtime) if runtime else (TRAINER, NO_RUNTIME)
    said = {key: mapping(job.body, f"metadata.{key}") for key in ("labels", "annotations")}
    own = {key: at(job.body, f"spec.trainer.{path}") for key, path in OWN.items()}
    pod = laid_over(pod, {"metadata": said, "spec": {"containers": [{"name": TRAINER, **own}]}})
    for patch in found(job.body, PATCHES):
        if patch.name == name:
            pod = laid_over(pod, at(patch.value, TEMPLATE))
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": job.name, "namespace": job.namespace}}
    return laid_over(pod, head)


def _trainer(runtime: Resource) -> tuple[str, Any]:
    """The name of the runtime's training job, and its pod template. Raises `WrongType`."""
    for each_job in found(runtime.body, JOBS):
        labels = mapping(each_job.value, LABELS)
        step = labels.get(STEP) if not isinstance(labels, Unknown) else None
        if step == "trainer" or each_job.name == TRAINER:
            return each_job.name, at(each_job.value, TEMPLATE) or {}
    return TRAINER, {}


def laid_over(below: Any, above: Any) -> Any:
    """As Trainer merges a patch: maps by key, containers and the like by name; tolerations, commands and other lists
    are replaced.

    What is unknown below stays unknown with something merged over it.
    """
    if above is None or isinstance(below, Unknown):
        return below
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        one, other = cast("dict[str, Any]", below), cast("dict[str, Any]", above)
        return {**one, **{key: _of_key(key, one.get(key), value) for key, value in other.items()}}
    return above


def _of_key(key: str, below: Any, above: Any) -> Any:
    if not isinstance(above, list):
        return laid_over(below, above)
    added = cast("list[Any]", above)
    if key not in (*BY_NAME, *ADDED):
        return added
    before = [below] if isinstance(below, Unknown) else [*below] if isinstance(below, list) else []
    if key in ADDED:
        return before + added
    if any(holds_unknown(at(each_one, "name")) for each_one in before):
        return UNKNOWN
    named = {_name(each_one): each_one for each_one in added}
    kept = [laid_over(each_one, named.pop(_name(each_one), None)) for each_one in before]
    return kept + list(named.values())


def _name(element: Any) -> Any:
    name = element.get("name") if isinstance(element, Mapping) else None
    return name if isinstance(name, str) else id(element)


RULES = [
    Rule(
        id="gpuTrainJobs",
        title="TrainJobs follow the rules for GPU pods",
        why="The pods of a TrainJob come from its runtime and its own patches, which only together say where they run.",
        severity=Severity.HIGH,
        remediation="Set it in spec.trainer.resourcesPerNode, in spec.runtimePatches or in the runtime.",
        frameworks={"nsa-cisa": ("network-separation",), "soc2": ("A1.1",)},
        applies=(JOB, *RUNTIMES, *NODES),
        set_predicate=_judged,
    ),
]
