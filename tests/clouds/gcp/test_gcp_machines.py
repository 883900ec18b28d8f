"""Every machine of Google Cloud can be planned, priced and found in a zone."""

import pytest

from cnai.clouds.gcp import facts
from cnai.clouds.gcp.settings import regions
from cnai.clouds.machines import accelerators, machines, plan

MACHINES = machines("gcp")
ACCELERATED = [m for m in MACHINES.values() if m.accelerator]


@pytest.mark.parametrize("machine", ACCELERATED, ids=lambda m: m.name)
def test_an_accelerated_machine_is_in_just_the_regions_where_its_series_has_zones(machine):
    assert set(machine.regions) == set(facts.series(machine)["zones"])
    for region, letters in facts.series(machine)["zones"].items():
        assert {f"{region}-{letter}" for letter in letters} <= set(regions()[region])


@pytest.mark.parametrize("machine", ACCELERATED, ids=lambda m: m.name)
def test_gke_has_a_word_for_every_accelerator(machine):
    word = facts.accelerator_word(machine)
    assert word == machine.accelerator.product if facts.is_tpu(machine) else word.startswith("nvidia-")


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda m: m.name)
def test_local_disks_are_whole_ssds(machine):
    """Titanium SSDs of 375 GB, those of A4X of 3,000 GB."""
    ssds = facts.local_ssds(machine)
    assert bool(ssds) is bool(machine.local_disk_gb)
    assert ssds == 0 or machine.local_disk_gb / ssds in (375, 3000)


@pytest.mark.parametrize("machine", [m for m in ACCELERATED if facts.is_tpu(m)], ids=lambda m: m.name)
def test_a_machines_own_slice_is_its_own_chips(machine):
    shapes = facts.topologies(machine)
    assert facts.chips(shapes[0]) == machine.accelerator_count
    assert all(facts.chips(shape) % machine.accelerator_count == 0 for shape in shapes)


def test_tables_name_no_machine_and_no_series_that_is_not_there():
    known = facts.facts()
    assert set(known["local_ssds"]) | set(known["topologies"]) <= set(MACHINES)
    assert set(known["series"]) == {m.name.rpartition("-")[0] for m in ACCELERATED}


@pytest.mark.parametrize(
    ("kind", "series"),
    [
        ("L4", "g2-"),
        ("A100", "a2-"),
        ("H100", "a3-"),
        ("H200", "a3-ultra"),
        ("B200", "a4-"),
        ("GB200", "a4x-"),
        ("TPU-v5e", "ct5lp-"),
        ("TPU-v5p", "ct5p-"),
        ("TPU-v6e", "ct6e-"),
    ],
)
def test_every_accelerator_of_the_field_is_to_be_had(kind, series):
    assert plan("gcp", accelerator=kind).name.startswith(series)


@pytest.mark.parametrize("name", ["a3-ultragpu-8g", "a4-highgpu-8g", "a4x-highgpu-4g", "a3-highgpu-1g"])
def test_what_is_not_sold_on_demand_is_not_planned_on_demand(name):
    assert "on-demand" not in MACHINES[name].routes
    assert MACHINES[name].routes


def test_a_plain_pool_gets_a_machine_whose_disks_are_persistent_disks():
    """The default StorageClass makes no others, and the system pool carries what keeps state."""
    assert facts.boot_disk(plan("gcp")) == "pd-balanced"
    assert not [name for name in MACHINES if name.startswith(("n4-", "c4-"))]


def test_tpus_count_chips():
    tpus = [a for a in accelerators().values() if a.resource == "google.com/tpu"]
    assert {a.kind for a in tpus} == {"TPU-v5e", "TPU-v5p", "TPU-v6e"}
    assert all(not a.mig for a in tpus)


def test_zones_without_the_machine_are_left_out():
    asked = ("us-central1-a", "us-central1-b", "us-central1-c")
    assert facts.zones_with(MACHINES["a4-highgpu-8g"], asked) == ("us-central1-b",)
    assert facts.zones_with(MACHINES["e2-standard-8"], asked) == asked
