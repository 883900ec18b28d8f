"""How the keys of a stack file fit together: each rule looks at one thing and yields what is wrong with it."""

import re
from collections.abc import Callable, Iterable, Iterator

from cnai.capabilities import ObjectStorage
from cnai.clouds.machines import PoolError
from cnai.clouds.pools import SYSTEM_POOL
from cnai.environment.capacity import CAPACITY_RULES
from cnai.environment.needs import FEATURE_RULES, reserved_namespaces, secrets_are_used
from cnai.environment.packages import PACKAGE_RULES
from cnai.environment.plans import pool_plan
from cnai.environment.spec import PoolSpec
from cnai.environment.stack import StackConfig
from cnai.problems import Problem, nearest

_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?", re.ASCII)
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_OWNED_PREFIXES = ("kubernetes.io/", "k8s.io/", "nvidia.com/", "cnai.dev/", "karpenter.sh/")


def problems(stack: StackConfig) -> list[Problem]:
    """Everything that is wrong; empty for a stack that may be built."""
    return [problem for rule in RULES for problem in rule(stack)]


def there_is_a_system_pool(stack: StackConfig) -> Iterator[Problem]:
    pool = stack.pools.get(SYSTEM_POOL)
    if pool is None:
        yield Problem(("pools",), f"a pool named {SYSTEM_POOL} is needed: add-ons and what keeps state live there")
    elif pool.min < 1:
        yield Problem(("pools", SYSTEM_POOL, "min"), "give at least 1: nothing starts without a system node")
    elif pool.accelerator or pool.taints:
        yield Problem(
            ("pools", SYSTEM_POOL), "no accelerator and no taints here: every add-on must be able to run on it"
        )


def pools_can_be_planned(stack: StackConfig) -> Iterator[Problem]:
    """A machine that fits, sharing and fabric that it has, and `min` not above `max`."""
    for name, pool in stack.pools.items():
        try:
            pool_plan(stack.cloud_name, name, pool, stack.settings)
        except PoolError as error:
            yield Problem(("pools", name, error.field), str(error))


def labels_are_free(stack: StackConfig) -> Iterator[Problem]:
    for name, pool in stack.pools.items():
        yield from _labels(name, pool)


def _labels(name: str, pool: PoolSpec) -> Iterator[Problem]:
    for key, value in pool.labels.items():
        path = ("pools", name, "labels", key)
        prefix = key.rpartition("/")[0] + "/"
        if any(prefix == owned or prefix.endswith(f".{owned}") for owned in _OWNED_PREFIXES):
            yield Problem(path, f"{prefix} is written by the platform and by upstream: choose a prefix of your own")
        elif not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            yield Problem(path, "not a label: letters, digits, dashes, dots and underscores, 63 at most")


def object_stores_exist_here(stack: StackConfig) -> Iterator[Problem]:
    allowed = stack.settings.object_stores()
    for each in stack.chosen.values():
        if ObjectStorage in each.feature.gives and (key := each.feature.key) not in allowed:
            yield Problem(each.feature.path, f"{stack.cloud_name} has no {key!r}: {nearest(key, allowed)}")


def team_names_are_free(stack: StackConfig) -> Iterator[Problem]:
    taken = reserved_namespaces(stack)
    for name in stack.teams:
        if name in taken or name.startswith(("kube-", "cnai-")):
            yield Problem(("teams", name), f"the namespace {name} belongs to the platform: choose another name")


def team_gpus_exist(stack: StackConfig) -> Iterator[Problem]:
    wanted: dict[str, dict[str, int]] = {}
    planned = stack.plans()
    plans = {name: plan for name, plan in planned.items() if plan.gpus_per_node}
    for team, spec in stack.teams.items():
        for pool, count in spec.gpus.items():
            if pool in stack.pools and pool not in planned:
                continue  # what is wrong with the pool itself is said there
            if pool not in plans:
                yield Problem(
                    ("teams", team, "gpus", pool), f"no pool with GPUs of that name: {nearest(pool, list(plans))}"
                )
            elif not spec.borrow:
                wanted.setdefault(pool, {})[team] = count
    for pool, shares in wanted.items():
        most, together = plans[pool].max * plans[pool].gpus_per_node, sum(shares.values())
        if together > most:
            who = " + ".join(f"{team} {count}" for team, count in shares.items())
            text = f"{who} is {together} GPUs, and {pool} has {most} at its max: lower one, raise max or let one borrow"
            yield Problem(("teams", next(iter(shares)), "gpus", pool), text)


RULES: tuple[Callable[[StackConfig], Iterable[Problem]], ...] = (
    there_is_a_system_pool,
    pools_can_be_planned,
    *CAPACITY_RULES,
    labels_are_free,
    *FEATURE_RULES,
    *PACKAGE_RULES,
    object_stores_exist_here,
    team_names_are_free,
    team_gpus_exist,
    secrets_are_used,
)
