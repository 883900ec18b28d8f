"""What Karpenter may launch is what pools are planned with, and its nodes publish what such machines have."""

import dataclasses

import pytest

from cnai.clouds.machines import machines
from cnai.sandbox.controllers.groups.facts import amounts
from cnai.sandbox.controllers.karpenter import machine_type, machine_types
from cnai.sandbox.controllers.publisher import missing

AWS = machines("aws")


@pytest.mark.parametrize("name", sorted(AWS))
def test_every_machine_leaves_most_of_itself_to_pods(name):
    found = machine_type(AWS[name], "aws")
    capacity, overhead = amounts(found["capacity"]), amounts(found["overhead"])
    for resource, kept in overhead.items():
        assert 0 < kept < capacity[resource] / 3


def test_machines_have_the_labels_of_karpenters_aws_provider():
    labels = machine_type(AWS["p5.48xlarge"], "aws")["labels"]
    assert labels == {
        f"karpenter.k8s.aws/instance-{key}": value
        for key, value in {
            "category": "p",
            "cpu": "192",
            "family": "p5",
            "generation": "5",
            "gpu-count": "8",
            "gpu-manufacturer": "nvidia",
            "gpu-memory": "81559",
            "gpu-name": "h100",
            "hypervisor": "nitro",
            "local-nvme": str(AWS["p5.48xlarge"].local_disk_gb),
            "memory": "2097152",
            "network-bandwidth": str(int(AWS["p5.48xlarge"].network_gbps * 1000)),
            "size": "48xlarge",
        }.items()
    }


def test_only_routes_that_a_machine_has_are_offered_and_blocks_never():
    offered = {row["name"]: row["capacityTypes"] for row in machine_types("aws")["machines"]}
    assert offered["m7i.2xlarge"] == ["on-demand", "spot", "reserved"]
    only_blocks = dataclasses.replace(AWS["p5.48xlarge"], routes=("block",))
    assert machine_type(only_blocks, "aws")["capacityTypes"] == []


def node(**labels: str) -> dict:
    return {"metadata": {"labels": labels}, "status": {"allocatable": {"cpu": "191450m"}}}


def test_devices_come_to_a_node_once_and_as_its_labels_ask():
    labels, resources = missing(node(), AWS["p5.48xlarge"])
    assert resources == {"nvidia.com/gpu": "8", "vpc.amazonaws.com/efa": str(AWS["p5.48xlarge"].nics)}
    complete = {"metadata": {"labels": labels}, "status": {"allocatable": resources}}
    assert missing(complete, AWS["p5.48xlarge"]) == ({}, {})
    _, cut = missing(node(**{"nvidia.com/mig.config": "all-1g.10gb"}), AWS["p5.48xlarge"])
    assert cut["nvidia.com/gpu"] == "56"


def test_other_devices_than_gpus_are_published_under_their_own_names():
    neuron = next(m for m in AWS.values() if m.accelerator and m.accelerator.resource == "aws.amazon.com/neuron")
    labels, resources = missing(node(), neuron)
    assert labels == {}
    assert resources["aws.amazon.com/neuron"] == str(neuron.accelerator_count)
