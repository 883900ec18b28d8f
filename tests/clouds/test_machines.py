"""machines.toml holds together, and the planner picks what one would pick by hand or says what there is."""

import pytest

from cnai.clouds.machines import PoolError, accelerators, machines, plan
from cnai.environment.spec import CloudSpec

EVERY_MACHINE = [(cloud, m) for cloud in CloudSpec.model_fields for m in machines(cloud).values()]


@pytest.mark.parametrize(("cloud", "machine"), EVERY_MACHINE, ids=lambda value: getattr(value, "name", value))
def test_every_machine_has_a_size_a_price_and_its_source(cloud, machine):
    assert machine.vcpu > 0
    assert machine.memory_gib >= machine.vcpu
    if machine.price_source != "owned":
        assert machine.price_usd_per_hour > 0
        assert machine.price_source.startswith("https://")
    assert machine.price_usd_per_hour or cloud == "onprem"
    assert machine.price_date.year >= 2026
    assert bool(machine.accelerator) == bool(machine.accelerator_count)
    assert machine.mirrors or cloud != "local"


def test_every_accelerator_is_on_some_machine():
    carried = {m.accelerator.name for _, m in EVERY_MACHINE if m.accelerator}
    assert carried == set(accelerators())


def test_the_instances_of_a_mig_profile_fit_into_one_gpu():
    for accelerator in accelerators().values():
        for profile, count in accelerator.mig.items():
            slices, memory = profile.removesuffix("gb").split("g.")
            assert int(slices) * count <= 7
            # Marketing's gigabytes: 8 x 10 GB in an A100 with 80, 4 x 24 GB in an H100 NVL with 94.
            assert int(memory) * count * 1024 <= accelerator.memory_mib * 1.03


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ({"accelerator": "H100"}, "h100-8"),
        ({"accelerator": "H100", "count_per_node": 1}, "h100-1"),
        ({"accelerator": "A100"}, "a100-40g-8"),
        ({"accelerator": "A100-80GB"}, "a100-80g-8"),
        ({"accelerator": "L4"}, "l4-1"),
        ({}, "cpu-8"),
        ({"machine": "highmem-16"}, "highmem-16"),
        ({"machine": "h100-8", "accelerator": "H100", "count_per_node": 8}, "h100-8"),
    ],
)
def test_a_pool_gets_the_cheapest_machine_per_gpu_and_of_equals_the_larger(wanted, chosen):
    assert plan("local", **wanted).name == chosen


@pytest.mark.parametrize(
    ("wanted", "field", "says"),
    [
        ({"accelerator": "B300"}, "accelerator", "give A100, H100, H200, L4 or L40S"),
        ({"accelerator": "H100", "count_per_node": 4}, "count_per_node", "give 1 or 8"),
        ({"machine": "p5.48xlarge"}, "machine", "h100-8"),
        ({"machine": "cpu-8", "accelerator": "H100"}, "machine", "no accelerator, not H100"),
        ({"machine": "h100-8", "count_per_node": 4}, "count_per_node", "8 accelerators, not 4"),
        ({"count_per_node": 4}, "count_per_node", "needs an accelerator"),
    ],
)
def test_what_no_machine_can_give_is_refused_with_what_there_is(wanted, field, says):
    with pytest.raises(PoolError, match=says) as refused:
        plan("local", **wanted)
    assert refused.value.field == field
