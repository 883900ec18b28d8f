"""The table of machines against what EC2 itself says of them, as moto ships it."""

import gzip
import json
from importlib.resources import files

import pytest

from cnai.clouds.aws.facts import efa_cards, facts, interfaces
from cnai.clouds.machines import machines

MACHINES = machines("aws")
EVERY = pytest.mark.parametrize("machine", MACHINES.values(), ids=list(MACHINES))
NOT_IN_EC2S_LIST = {"p6e-gb200.36xlarge"}
"""Sold only as UltraServers."""


@pytest.fixture(scope="module")
def ec2():
    pytest.importorskip("moto")
    packed = files("moto.ec2").joinpath("resources", "instance_types.json.gz").read_bytes()
    return json.loads(gzip.decompress(packed))


@EVERY
def test_a_machine_is_as_large_as_ec2_says(machine, ec2):
    if machine.name in NOT_IN_EC2S_LIST:
        assert machine.name not in ec2
        return
    real = ec2[machine.name]
    assert machine.vcpu == real["VCpuInfo"]["DefaultVCpus"]
    assert machine.memory_gib == real["MemoryInfo"]["SizeInMiB"] // 1024
    assert machine.local_disk_gb == real.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0)
    assert {"amd64": "x86_64", "arm64": "arm64"}[machine.arch] in real["ProcessorInfo"]["SupportedArchitectures"]


@EVERY
def test_a_machine_has_the_accelerators_that_ec2_says(machine, ec2):
    if machine.name in NOT_IN_EC2S_LIST:
        return
    real = ec2[machine.name]
    devices = [*real.get("GpuInfo", {}).get("Gpus", []), *real.get("NeuronInfo", {}).get("NeuronDevices", [])]
    devices += real.get("InferenceAcceleratorInfo", {}).get("Accelerators", [])
    counts = {each["Count"] for each in devices}
    assert counts == ({machine.accelerator_count} if machine.accelerator else set())


@EVERY
def test_efa_is_where_ec2_has_it_and_every_interface_is_counted(machine, ec2):
    if machine.name in NOT_IN_EC2S_LIST:
        return
    real = ec2[machine.name]["NetworkInfo"]
    most = real["EfaInfo"]["MaximumEfaInterfaces"] if real.get("EfaSupported") else 0
    assert (machine.nics if machine.fabric == "efa" else 0) == most
    cards = {each["NetworkCardIndex"]: each["MaximumNetworkInterfaces"] for each in real["NetworkCards"]}
    for each in interfaces(machine):
        assert each["deviceIndex"] < cards[each["networkCardIndex"]]


@EVERY
def test_interfaces_are_as_aws_documents_them(machine):
    made = interfaces(machine)
    places = [(each["networkCardIndex"], each["deviceIndex"]) for each in made]
    assert made[0] == {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"}
    assert len(set(places)) == len(places)
    assert [each["interfaceType"] for each in made[1:]] == ["efa-only"] * (
        machine.nics if machine.fabric == "efa" else 0
    )


def test_cards_that_take_no_efa_are_passed_over():
    assert efa_cards(MACHINES["p5.48xlarge"]) == tuple(range(32))
    assert 0 not in efa_cards(MACHINES["p6-b300.48xlarge"])
    assert efa_cards(MACHINES["m7i.2xlarge"]) == ()
    assert set(facts()["efa_cards"]) <= set(MACHINES)


def test_there_is_a_machine_for_every_accelerator_that_aws_sells():
    kinds = {machine.accelerator.kind for machine in MACHINES.values() if machine.accelerator}
    assert kinds == {
        *("A10G", "L4", "L40S", "A100", "H100", "H200", "B200", "B300", "GB200"),
        *("Trainium1", "Trainium2", "Inferentia2"),
    }
