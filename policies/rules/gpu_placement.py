"""Where GPU pods queue and land, as far as one object's fields cannot say it."""

from collections.abc import Iterator, Sequence
from typing import Any

from cnai.policy.fields import careful, each, found, holds_unknown, mapping, text
from cnai.policy.model import Context, Finding, Resource, Rule, Severity, undecided, violation
from cnai.policy.nodes import NODES, POOL, shared_pools, sharing
from cnai.policy.values import Unknown
from cnai.policy.workloads import templates
from cnai.quantities import quantity

QUEUES = ("kueue.x-k8s.io/queue-name", "kai.scheduler/queue", "runai/queue")
VOLCANO = "scheduling.volcano.sh/queue-name"
BLUEPRINTS = frozenset(
    ("PodTemplate", "trainer.kubeflow.org/TrainingRuntime", "trainer.kubeflow.org/ClusterTrainingRuntime")
)
"""Nothing runs from these by themselves: what refers to them names the queue."""


def gpus(container: Any) -> Iterator[tuple[str, Any]]:
    """Extended resource -> amount, of those that are whole GPUs or slices of them."""
    for path in ("resources.limits['*']", "resources.requests['*']"):
        for name, amount in ((one.name, one.value) for one in found(container, path)):
            if name.startswith(("nvidia.com/gpu", "nvidia.com/mig-", "amd.com/gpu")) and amount not in (0, "0"):
                yield name, amount


def _asks(template: Any, more_than: float = 0) -> bool | None:
    """Whether a pod asks for GPUs; None where that is not known."""
    amounts = [amount for each in found(template, "spec.containers[*]") for _, amount in gpus(each.value)]
    if any((quantity(amount) or 0) > more_than for amount in amounts):
        return True
    paths = ("spec.containers[*].resources.limits['*']", "spec.containers[*].resources.requests['*']")
    vague = [each for path in paths for each in found(template, path) if isinstance(each.value, Unknown)]
    return None if any(not each.name.startswith(("cpu", "memory", "ephemeral-storage")) for each in vague) else False


@careful
def _queue(resource: Resource, context: Context) -> Iterator[Finding]:
    # An environment says whether it has queues at all; manifests of no environment are asked.
    if resource.kind in BLUEPRINTS or context.settings.get("queues") is False:
        return
    for place, template in templates(resource.kind, resource.body):
        asks = None if isinstance(template, Unknown) else _asks(template)
        if asks is False:
            continue
        named = list(_queue_names(resource.body)) + list(_queue_names(template))
        if any(isinstance(each, str) and each for each in named):
            continue
        if asks is None or any(isinstance(each, Unknown) for each in named):
            yield undecided("its GPUs or its queue depend on a value that is not known yet", place)
        else:
            yield violation(f"{place or 'the pod'} asks for GPUs and must name a queue ({QUEUES[0]})", place)


def _queue_names(described: Any) -> Iterator[Any]:
    labels, annotations = mapping(described, "metadata.labels"), mapping(described, "metadata.annotations")
    for where, keys in ((labels, QUEUES), (annotations, (VOLCANO,))):
        if isinstance(where, Unknown):
            yield where
        else:
            yield from (where.get(key) for key in keys)


def _whole(resources: Sequence[Resource], context: Context) -> Iterator[Finding]:
    pools, vague = shared_pools(resources, context.settings.get("shared_pools"))

    def judge(resource: Resource) -> Iterator[Finding]:
        for place, template in templates(resource.kind, resource.body):
            selector = mapping(template, "spec.nodeSelector")
            known = not isinstance(selector, Unknown) and not holds_unknown(selector)
            how = (pools.get(str(selector.get(POOL))) or sharing(selector)) if known else ""
            if not how and (vague or not known) and _asks(template, 1) is not False:
                yield undecided("whether its pool shares its GPUs is not known yet", place, resource)
            elif how:
                yield from _slices(resource, template, place, how)

    yield from each(judge, (one for one in resources if one.kind not in NODES))


def _slices(resource: Resource, template: Any, place: str, how: str) -> Iterator[Finding]:
    if _asks(template, 1) is None:
        yield undecided("how many GPUs it asks for is not known yet", place, resource)
    for container in found(template, "spec.containers[*]"):
        for name, amount in gpus(container.value):
            if name in ("nvidia.com/gpu", "nvidia.com/gpu.shared"):
                item = f"container {text(container.value, 'name') or container.name}".strip()
                told = f"{item}{f' ({place})' if place else ''}"
                if isinstance(amount, Unknown):
                    yield undecided(f"{told} asks for a number of GPUs that is not known yet", item, resource)
                elif (quantity(amount) or 0) > 1:
                    yield violation(f"{told} must ask for one slice: the GPUs of its pool are {how}", item, resource)


RULES = [
    Rule(
        id="gpuQueue",
        title="GPU pods wait in a queue",
        why="Without a queue jobs take GPUs past the quotas of teams, and two half-started jobs wait for each other.",
        severity=Severity.MEDIUM,
        remediation="Set the label kueue.x-k8s.io/queue-name to the team's LocalQueue.",
        frameworks={"soc2": ("A1.1",)},
        applies=("pod",),
        predicate=_queue,
    ),
    Rule(
        id="gpuSlices",
        title="No whole GPUs where GPUs are sliced",
        why="Several slices are often slices of one GPU, so a job that asks for 4 runs on 1 and shares it with itself.",
        severity=Severity.MEDIUM,
        remediation="Ask for one slice, or select a pool that does not share its GPUs.",
        applies=("pod", *NODES),
        set_predicate=_whole,
    ),
]
