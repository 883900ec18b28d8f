"""Kueue."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StrictStr

from cnai.capabilities import Metrics, Queues
from cnai.feature import Feature, FeatureSettings
from cnai.problems import Problem, nearest
from cnai.scheduling.kueue.flavors import has_other_routes, waits_for_requests

if TYPE_CHECKING:
    from cnai.environment.stack import StackConfig


class KueueSettings(FeatureSettings):
    """Kueue."""

    before_queued: dict[StrictStr, Annotated[int, Field(strict=True, ge=0)]] = Field(default_factory=dict)
    """Nodes that a pool's other routes give before its jobs wait for queued ones: its reservation's size, as a rule."""


def nodes_before_the_queue_are_counted(settings: KueueSettings | None, stack: "StackConfig") -> Iterator[Problem]:
    """Kueue chooses between routes by quota, and no stack file says otherwise how much a reservation holds."""
    if settings is None:
        return
    path = (*FEATURE.path, "before_queued")
    both = {name: plan for name, plan in stack.plans().items() if waits_for_requests(plan) and has_other_routes(plan)}
    for name in settings.before_queued:
        if name not in both:
            text = f"no pool of that name that is queued for after other routes: {nearest(name, list(both))}"
            yield Problem((*path, name), text)
        elif settings.before_queued[name] > both[name].max:
            yield Problem((*path, name), f"{settings.before_queued[name]}, but the pool has {both[name].max} at most")
    for name in both.keys() - settings.before_queued.keys():
        yield Problem(
            path, f"pool {name} is queued for after other routes: say how many nodes those give, such as {{{name}: 8}}"
        )


FEATURE = Feature(
    key="kueue",
    text="Kueue: jobs wait in their team's queue until all of their pods fit its share.",
    component="Kueue",
    settings=KueueSettings,
    packages=("kueue",),
    # It sets up a kind of job once, when the kind appears, and gives up for good where the rest of that system's kinds
    # are not there yet: "unsupported runtime" is then its answer to every TrainJob.
    after=("jobset", "trainer"),
    uses=(Metrics,),
    gives=(Queues,),
    rules=(nodes_before_the_queue_are_counted,),
)
