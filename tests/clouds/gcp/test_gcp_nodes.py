"""What a node pool is told: machine, devices, sharing, capacity and network as GKE names them."""

import pytest
from gcp_sample import RESERVED, cluster, node_pools, pool

from cnai.clouds.pools import Route, Sharing, Taint

NO_RESERVATION = {"consumeReservationType": "NO_RESERVATION"}


@pytest.fixture
def made(declared):
    """The node pools of one pool, by name."""

    def run(plan, **settings):
        return node_pools(declared(lambda: cluster({plan.name: plan}, **settings)))

    return run


def only(found):
    (each,) = found.values()
    return each


def test_the_system_pool_is_plain_private_and_shielded(made):
    spec = only(made(pool("n2-standard-8", name="system", min=3, max=6)))
    config = spec["nodeConfig"]
    assert (config["machineType"], config["imageType"], config["diskType"]) == (
        "n2-standard-8",
        "COS_CONTAINERD",
        "pd-balanced",
    )
    assert config["serviceAccount"] == "cnai-gcp-prod-nodes@acme-ai-prod.iam.gserviceaccount.com"
    assert config["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}
    assert config["shieldedInstanceConfig"] == {"enableIntegrityMonitoring": True, "enableSecureBoot": True}
    assert config["kubeletConfig"] == {"insecureKubeletReadonlyPortEnabled": "FALSE"}
    assert config["labels"] == {"cnai.dev/pool": "system", "cnai.dev/capacity": "on-demand"}
    assert config["taints"] == []
    assert spec["networkConfig"] == {"enablePrivateNodes": True}
    assert spec["autoscaling"] == {"totalMinNodeCount": 3, "totalMaxNodeCount": 6, "locationPolicy": "BALANCED"}
    assert spec["upgradeSettings"] == {"strategy": "SURGE", "maxSurge": 1, "maxUnavailable": 0}
    assert spec["management"] == {"autoRepair": True, "autoUpgrade": True}


def test_gpu_nodes_get_gkes_driver_their_taint_their_disks_and_networks(made):
    spec = only(made(pool("a3-highgpu-8g", taints=(Taint(key="team", value="a", effect="NoExecute"),))))
    config = spec["nodeConfig"]
    driver = {"gpuDriverVersion": "DEFAULT"}
    assert config["guestAccelerators"] == [
        {"type": "nvidia-h100-80gb", "count": 8, "gpuDriverInstallationConfig": driver}
    ]
    assert config["taints"] == [
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"},
        {"key": "team", "value": "a", "effect": "NO_EXECUTE"},
    ]
    assert config["ephemeralStorageLocalSsdConfig"] == {"localSsdCount": 16}
    assert config["labels"]["cloud.google.com/gke-networking-dra-driver"] == "true"
    assert spec["networkConfig"]["acceleratorNetworkProfile"] == "auto"
    assert spec["upgradeSettings"]["maxSurge"] == 0
    assert spec["upgradeSettings"]["maxUnavailable"] == 1


def test_a_gpu_with_one_network_gets_no_others(made):
    spec = only(made(pool("g2-standard-8")))
    assert "acceleratorNetworkProfile" not in spec["networkConfig"]
    assert "cloud.google.com/gke-networking-dra-driver" not in spec["nodeConfig"]["labels"]


@pytest.mark.parametrize(
    ("machine", "sharing", "key", "value"),
    [
        (
            "g2-standard-8",
            Sharing(time_slices=4),
            "gpuSharingConfig",
            {"gpuSharingStrategy": "TIME_SHARING", "maxSharedClientsPerGpu": 4},
        ),
        ("a3-highgpu-8g", Sharing(mig="1g.10gb"), "gpuPartitionSize", "1g.10gb"),
    ],
)
def test_gke_shares_gpus_and_the_operator_does_where_it_owns_them(made, machine, sharing, key, value):
    by_gke = only(made(pool(machine, sharing=sharing)))["nodeConfig"]
    assert by_gke["guestAccelerators"][0][key] == value
    by_operator = only(made(pool(machine, sharing=sharing), gpu_driver="operator"))["nodeConfig"]
    assert key not in by_operator["guestAccelerators"][0]
    for config in (by_gke, by_operator):
        assert set(config["labels"]) & {"nvidia.com/mig.config", "nvidia.com/device-plugin.config"}


def test_the_operators_driver_wants_ubuntu_no_secure_boot_and_no_plugin_of_gkes(made):
    config = only(made(pool("g2-standard-8"), gpu_driver="operator"))["nodeConfig"]
    assert config["imageType"] == "UBUNTU_CONTAINERD"
    assert config["shieldedInstanceConfig"]["enableSecureBoot"] is False
    assert config["labels"]["gke-no-default-nvidia-gpu-device-plugin"] == "true"
    (gpu,) = config["guestAccelerators"]
    assert gpu["gpuDriverInstallationConfig"] == {"gpuDriverVersion": "INSTALLATION_DISABLED"}
    system = only(made(pool("n2-standard-8", name="system", min=1), gpu_driver="operator"))["nodeConfig"]
    assert system["imageType"] == "COS_CONTAINERD"


def test_the_latest_driver_is_gkes_as_well(made):
    (gpu,) = only(made(pool("g2-standard-8"), gpu_driver="latest"))["nodeConfig"]["guestAccelerators"]
    assert gpu["gpuDriverInstallationConfig"] == {"gpuDriverVersion": "LATEST"}


def test_a_named_reservation_is_the_only_source_of_its_nodes(made):
    spec = only(made(pool("a3-highgpu-8g", routes=(RESERVED,))))
    assert spec["nodeConfig"]["reservationAffinity"] == {
        "consumeReservationType": "SPECIFIC_RESERVATION",
        "key": "compute.googleapis.com/reservation-name",
        "values": ["gpus"],
    }
    assert spec["nodeLocations"] == ["us-central1-b"]
    assert spec["autoscaling"]["locationPolicy"] == "ANY"


def test_any_reservation_does_not_turn_into_on_demand(made):
    config = only(made(pool("a3-highgpu-8g", routes=(Route(kind="reserved"),))))["nodeConfig"]
    assert config["reservationAffinity"] == {"consumeReservationType": "ANY_RESERVATION_THEN_FAIL"}


def test_a_block_is_a_reservation_in_calendar_mode(made):
    block = Route(kind="block", id="september", zone="us-central1-b")
    config = only(made(pool("a4-highgpu-8g", routes=(block,))))["nodeConfig"]
    assert config["reservationAffinity"]["values"] == ["september"]
    assert config["diskType"] == "hyperdisk-balanced"


def test_spot_and_on_demand_take_nothing_reserved(made):
    routes = (Route(kind="spot"), Route(kind="on-demand"))
    found = made(pool("g2-standard-8", name="l4", routes=routes))
    assert found["l4-spot"]["nodeConfig"]["spot"] is True
    assert "spot" not in found["l4-on-demand"]["nodeConfig"]
    assert all(each["nodeConfig"]["reservationAffinity"] == NO_RESERVATION for each in found.values())


def test_queued_gpus_come_all_at_once_or_not(made):
    spec = only(made(pool("a3-highgpu-8g", routes=(Route(kind="queued"),))))
    assert spec["queuedProvisioning"] == {"enabled": True}
    assert spec["nodeConfig"]["flexStart"] is True
    assert spec["nodeConfig"]["labels"]["cloud.google.com/gke-queued"] == "true"
    assert spec["nodeConfig"]["reservationAffinity"] == NO_RESERVATION
    assert spec["management"]["autoRepair"] is False
    assert spec["initialNodeCount"] == 0


def test_queued_tpus_flex_start_without_the_queue(made):
    spec = only(made(pool("ct6e-standard-8t", routes=(Route(kind="queued"),))))
    assert spec["nodeConfig"]["flexStart"] is True
    assert "queuedProvisioning" not in spec
    assert "cloud.google.com/gke-queued" not in spec["nodeConfig"]["labels"]


def test_a_tpu_slice_is_placed_whole(made):
    found = made(pool("ct6e-standard-4t", name="tpu", topology="4x4", min=4, max=8))
    fixed, scaled = found["tpu-on-demand-slice-1"], found["tpu-on-demand-slice-2"]
    for each in (fixed, scaled):
        assert each["placementPolicy"] == {"type": "COMPACT", "tpuTopology": "4x4"}
        assert each["nodeConfig"]["taints"] == [{"key": "google.com/tpu", "value": "present", "effect": "NO_SCHEDULE"}]
        assert "guestAccelerators" not in each["nodeConfig"]
        assert each["nodeConfig"]["shieldedInstanceConfig"]["enableSecureBoot"] is False
    assert fixed["nodeCount"] == 4
    assert "autoscaling" not in fixed
    assert scaled["autoscaling"] == {"minNodeCount": 0, "maxNodeCount": 4, "locationPolicy": "BALANCED"}


def test_compact_nodes_are_placed_so(made):
    spec = only(made(pool("a2-ultragpu-8g", placement="compact")))
    assert spec["placementPolicy"] == {"type": "COMPACT"}
    assert spec["nodeLocations"] == ["us-central1-a"]
    assert "placementPolicy" not in only(made(pool("a2-ultragpu-8g")))


def test_an_nvlink_domain_is_placed_by_a_policy_of_its_own(declared):
    route = Route(kind="reserved", id="r", zone="us-central1-a")
    plan = pool("a4x-highgpu-4g", name="gb", placement="compact", routes=(route,), max=18)
    found = declared(lambda: cluster({"gb": plan}))
    policy = next(r for r in found if r.type == "gcp:compute/resourcePolicy:ResourcePolicy")
    assert policy.inputs["workloadPolicy"] == {"type": "HIGH_THROUGHPUT", "acceleratorTopology": "1x72"}
    assert only(node_pools(found))["placementPolicy"] == {"type": "COMPACT", "policyName": "gb-reserved-policy-name"}


def test_arm_nodes_get_no_taint_that_pods_know_nothing_of(made):
    route = Route(kind="reserved", id="r", zone="us-central1-a")
    config = only(made(pool("a4x-highgpu-4g", routes=(route,))))["nodeConfig"]
    assert config["taintConfig"] == {"architectureTaintBehavior": "NONE"}
    assert [each["key"] for each in config["taints"]] == ["nvidia.com/gpu"]
    assert "taintConfig" not in only(made(pool("g2-standard-8")))["nodeConfig"]


def test_without_keys_of_its_own_a_boot_disk_names_none(made):
    assert "bootDiskKmsKey" in only(made(pool("e2-standard-8")))["nodeConfig"]
    assert "bootDiskKmsKey" not in only(made(pool("e2-standard-8"), cmek=False))["nodeConfig"]
