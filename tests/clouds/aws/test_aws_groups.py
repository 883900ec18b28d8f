"""Managed node groups: what they are for, and the machines that their launch templates ask for."""

import base64
import email
import json
from dataclasses import replace

import aws_samples as samples
import pytest

from cnai.clouds.aws.groups import AwsNodeGroupArgs, ami_type, launch_template, node_config, scaling, taints, user_data
from cnai.clouds.machines import machines
from cnai.clouds.pools import Taint

MACHINES = machines("aws")


def args(plan, route, **more):
    return AwsNodeGroupArgs(
        plan=plan,
        route=route,
        cluster="prod",
        kubernetes="1.36",
        image_release="1.36.2-20260714",
        role_arn="role",
        subnets=["subnet"],
        security_groups=["cluster", "efa"],
        **more,
    )


@pytest.mark.parametrize(
    ("machine", "ami"),
    [
        ("m7i.2xlarge", "AL2023_x86_64_STANDARD"),
        ("m8g.2xlarge", "AL2023_ARM_64_STANDARD"),
        ("p5.48xlarge", "AL2023_x86_64_NVIDIA"),
        ("p6e-gb200.36xlarge", "AL2023_ARM_64_NVIDIA"),
        ("trn2.48xlarge", "AL2023_x86_64_NEURON"),
    ],
)
def test_a_machine_gets_the_image_with_its_drivers(machine, ami):
    assert ami_type(MACHINES[machine]) == ami


def test_a_block_is_targeted_bought_as_one_and_names_its_machine_in_the_template():
    made = launch_template(args(samples.H100, samples.BLOCK))
    assert made["instance_market_options"] == {"market_type": "capacity-block"}
    assert made["capacity_reservation_specification"] == {
        "capacity_reservation_target": {"capacity_reservation_id": "cr-0a1b2c"}
    }
    assert made["instance_type"] == "p5.48xlarge"


def test_what_is_no_block_leaves_the_machine_to_the_group():
    made = launch_template(args(samples.SYSTEM, samples.ON_DEMAND))
    assert not {"instance_type", "instance_market_options", "capacity_reservation_specification"} & set(made)
    assert made["vpc_security_group_ids"] == ["cluster", "efa"]
    assert launch_template(args(samples.SYSTEM, samples.RESERVED))["capacity_reservation_specification"] == {
        "capacity_reservation_preference": "open"
    }


def test_every_efa_interface_of_the_machine_is_attached_in_both_groups():
    made = launch_template(args(samples.H100, samples.BLOCK))
    interfaces = made["network_interfaces"]
    assert "vpc_security_group_ids" not in made, "EC2 takes groups in one of the two places"
    assert len(interfaces) == 33
    assert [each["interface_type"] for each in interfaces].count("efa-only") == 32
    assert {each["network_card_index"] for each in interfaces} == set(range(32))
    assert all(each["security_groups"] == ["cluster", "efa"] for each in interfaces)
    assert not any("associate_public_ip_address" in each for each in interfaces)


def test_a_pool_that_insists_on_no_fabric_gets_plain_interfaces():
    made = launch_template(args(replace(samples.H100, fabric=""), samples.BLOCK))
    assert "network_interfaces" not in made


def test_disks_are_encrypted_and_only_imdsv2_answers_the_node_itself():
    made = launch_template(args(samples.SYSTEM, samples.ON_DEMAND))
    assert made["block_device_mappings"][0]["ebs"] | {"volume_size": 0} == {
        "volume_type": "gp3",
        "volume_size": 0,
        "encrypted": "true",
        "delete_on_termination": "true",
    }
    assert made["metadata_options"]["http_tokens"] == "required"
    assert made["metadata_options"]["http_put_response_hop_limit"] == 1


def test_a_placement_group_is_named_where_there_is_one():
    assert launch_template(args(samples.SYSTEM, samples.ON_DEMAND, placement_group="near"))["placement"] == {
        "group_name": "near"
    }


def test_user_data_is_a_mime_document_that_nodeadm_reads():
    text = base64.b64decode(user_data(MACHINES["p5.48xlarge"])).decode()
    message = email.message_from_string(text)
    assert message.is_multipart()
    (part,) = message.get_payload()
    assert part.get_content_type() == "application/node.eks.aws"
    assert json.loads(part.get_payload()) == node_config(MACHINES["p5.48xlarge"])


def test_local_disks_become_one_and_pods_are_as_many_as_planned():
    assert node_config(MACHINES["p5.48xlarge"])["spec"]["instance"] == {"localStorage": {"strategy": "RAID0"}}
    assert "instance" not in node_config(MACHINES["m7i.2xlarge"])["spec"]
    assert node_config(MACHINES["m7i.2xlarge"])["spec"]["kubelet"]["config"]["maxPods"] == 110


def test_a_group_is_as_large_as_the_pools_min():
    assert scaling(samples.H100) == {"min_size": 4, "max_size": 32, "desired_size": 4}
    assert scaling(replace(samples.H100, min=0, max=0)) == {"min_size": 0, "max_size": 1, "desired_size": 0}


def test_taints_are_in_eks_words():
    plan = replace(samples.H100, taints=(Taint(key="team", value="a", effect="NoExecute"),))
    assert taints(plan) == [
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"},
        {"key": "team", "value": "a", "effect": "NO_EXECUTE"},
    ]
