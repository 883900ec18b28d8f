"""A cluster that is there gets what it lacks, and nothing that belongs to the site is declared."""

import pytest
from onprem_samples import DGX, GPU, POOLS, SYSTEM, declare, pool, settings

from cnai.catalog import catalog
from cnai.clouds.onprem import ceph, metallb
from cnai.clouds.onprem.cluster import every_toleration
from cnai.clouds.onprem.traits import onprem_traits
from cnai.clouds.pools import Taint
from cnai.clouds.traits import ClusterTraits
from recording import record

RELEASE = "kubernetes:helm.sh/v3:Release"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"


@pytest.fixture(scope="module")
def everything():
    return record(declare(), "cnai", "onprem")


def of_type(resources, kind):
    return [each for each in resources if each.type == kind]


def releases(resources):
    return {each.inputs["name"]: each for each in of_type(resources, RELEASE)}


def test_no_node_label_or_taint_is_declared(everything):
    assert not [each.key for each in everything if "Node" in each.type]


def test_the_provider_is_bound_to_the_context_that_is_named_and_brings_no_kubeconfig(everything):
    (provider,) = of_type(everything, "pulumi:providers:kubernetes")
    assert provider.inputs["context"] == "machine-room"
    assert "kubeconfig" not in provider.inputs
    for each in everything:
        if each.type.startswith("kubernetes:"):
            assert each.options["provider"] == "pulumi:providers:kubernetes::cluster-kubernetes", each.key


def test_a_site_that_has_storage_and_load_balancer_gets_nothing(declared):
    bare = declared(declare(storage="standard", load_balancer="existing", addresses=()))
    assert {each.type for each in bare} == {"cnai:clouds:OnpremCluster", "pulumi:providers:kubernetes"}


def test_metallb_announces_the_addresses_that_the_site_gave(everything):
    (addresses,) = of_type(everything, "kubernetes:metallb.io/v1beta1:IPAddressPool")
    assert addresses.inputs["spec"]["addresses"] == ["10.1.2.10-10.1.2.99"]
    assert f"{RELEASE}::cluster-metallb-release" in addresses.options["dependsOn"]
    (announced,) = of_type(everything, "kubernetes:metallb.io/v1beta1:L2Advertisement")
    assert announced.inputs["spec"]["ipAddressPools"] == [addresses.inputs["metadata"]["name"]]
    assert announced.inputs["metadata"]["namespace"] == catalog()["metallb"].namespace


def test_system_nodes_answer_for_the_addresses():
    args = metallb.MetalLBArgs(traits=onprem_traits(settings(), POOLS, accelerators=True), addresses=("10.0.0.0/28",))
    values = metallb.chart_values(args)
    assert values["speaker"]["nodeSelector"] == values["controller"]["nodeSelector"] == SYSTEM.node_selector


def test_metallb_without_addresses_is_refused():
    with pytest.raises(ValueError, match="addresses: give at least one range"):
        metallb.MetalLBArgs(traits=onprem_traits(settings(), POOLS, accelerators=True), addresses=())


def test_ceph_comes_operator_first_then_drivers_then_cluster(everything):
    found = releases(everything)
    assert f"{RELEASE}::cluster-ceph-operator" in found["ceph-csi-drivers"].options["dependsOn"]
    assert f"{RELEASE}::cluster-ceph-drivers" in found["rook-ceph-cluster"].options["dependsOn"]
    for each in of_type(everything, STORAGE_CLASS):
        assert f"{RELEASE}::cluster-ceph-cluster" in each.options["dependsOn"]


def test_all_of_ceph_is_in_the_namespace_that_its_drivers_are_called_after(everything):
    names = ("rook-ceph", "ceph-csi-drivers", "rook-ceph-cluster")
    assert {catalog()[name].namespace for name in names} == {ceph.NAMESPACE}
    drivers = releases(everything)["ceph-csi-drivers"].inputs["values"]["drivers"]
    provisioners = {each.inputs["provisioner"] for each in of_type(everything, STORAGE_CLASS)}
    assert {drivers[kind]["name"] for kind in ("rbd", "cephfs")} == provisioners


def test_one_quota_lets_critical_pods_into_cephs_namespace(everything):
    quotas = of_type(everything, "kubernetes:core/v1:ResourceQuota")
    places = [(each.inputs["metadata"]["namespace"], each.inputs["metadata"]["name"]) for each in quotas]
    assert len(set(places)) == len(places)
    assert (ceph.NAMESPACE, "critical-pods") in places


def test_the_default_class_is_the_one_that_others_are_told_and_its_pools_are_there(everything):
    classes = {each.inputs["metadata"]["name"]: each.inputs for each in of_type(everything, STORAGE_CLASS)}
    default = [n for n, each in classes.items() if each["metadata"]["annotations"][ceph.DEFAULT_CLASS] == "true"]
    assert default == [onprem_traits(settings(), POOLS, accelerators=False).storage_class]
    values = releases(everything)["rook-ceph-cluster"].inputs["values"]
    assert classes["ceph-block"]["parameters"]["pool"] == values["cephBlockPools"][0]["name"]
    system = values["cephFileSystems"][0]
    assert classes["ceph-filesystem"]["parameters"]["fsName"] == system["name"]
    assert (
        classes["ceph-filesystem"]["parameters"]["pool"] == f"{system['name']}-{system['spec']['dataPools'][0]['name']}"
    )
    assert not [each for each in (*values["cephBlockPools"], system) if each["storageClass"]["enabled"]]


def values(**more):
    traits = onprem_traits(settings(), POOLS, accelerators=True)
    args = {"traits": traits, "selector": {"site/pool": "storage"}, **more}
    return ceph.cluster_values(ceph.CephArgs(**args))


def test_ceph_takes_only_the_disks_that_it_may():
    storage = values(devices="^nvme[1-9]")["cephClusterSpec"]["storage"]
    assert storage == {"useAllNodes": True, "useAllDevices": False, "deviceFilter": "^nvme[1-9]"}
    assert values()["cephClusterSpec"]["storage"] == {"useAllNodes": True, "useAllDevices": True}


def test_cephs_daemons_stay_on_the_nodes_with_its_disks():
    (term,) = values()["cephClusterSpec"]["placement"]["all"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "site/pool", "operator": "In", "values": ["storage"]}]


@pytest.mark.parametrize(
    ("ceph_settings", "nodes"),
    [({}, SYSTEM.node_selector), ({"selector": {"site/pool": "storage"}}, {"site/pool": "storage"})],
)
def test_ceph_is_on_the_system_nodes_unless_it_has_its_own(declared, ceph_settings, nodes):
    values = releases(declared(declare(ceph=ceph_settings)))["rook-ceph-cluster"].inputs["values"]
    affinity = values["cephClusterSpec"]["placement"]["all"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert {each["key"]: each["values"][0] for each in term["matchExpressions"]} == nodes


def test_every_copy_is_on_another_node():
    block = values(replicas=2)["cephBlockPools"][0]["spec"]
    assert block == {"failureDomain": "host", "replicated": {"size": 2}}


def test_volumes_can_be_mounted_on_every_node_of_every_pool(everything):
    drivers = releases(everything)["ceph-csi-drivers"].inputs["values"]
    tolerations = drivers["operatorConfig"]["driverSpecDefaults"]["nodePlugin"]["tolerations"]
    assert tolerations == [GPU.toleration]


def test_tolerations_of_all_pools_come_once_each():
    gold = Taint(key="tier", value="gold")
    more = {**POOLS, "b": pool("b", "dgx-h100", taints=(GPU, gold))}
    assert list(every_toleration(more)) == [GPU.toleration, gold.toleration]


def test_what_keeps_volumes_is_protected_unless_the_environment_is_disposable(declared):
    kept = {each.name for each in declared(declare()) if each.options.get("protect")}
    assert {"cluster-ceph-namespace", "cluster-ceph-operator", "cluster-ceph-drivers", "cluster-ceph-cluster"} <= kept
    assert "cluster-metallb-release" not in kept
    assert not [each for each in declared(declare(disposable=True)) if each.options.get("protect")]


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        ({}, {"storage_class": "ceph-block", "load_balancer": "metallb", "rdma": "none"}),
        ({"storage": "local-path"}, {"storage_class": "local-path"}),
        ({"load_balancer": "existing", "addresses": ()}, {"load_balancer": "cloud"}),
        ({"load_balancer": "none", "addresses": ()}, {"load_balancer": "none"}),
        ({"gpu_driver": "image"}, {"gpu_driver_owner": "image", "gpu_toolkit_owner": "image"}),
        ({"rdma": "infiniband", "kubernetes": "1.35"}, {"rdma": "infiniband", "kubernetes_version": "1.35"}),
        ({"zones": ("hall-1",)}, {"zones": ("hall-1",)}),
    ],
)
def test_traits_are_what_the_site_says(given, facts):
    traits: ClusterTraits = onprem_traits(settings(**given), POOLS, accelerators=True)
    assert {key: getattr(traits, key) for key in facts} == facts
    assert traits.system_selector == SYSTEM.node_selector


def test_a_dgx_has_a_port_of_the_fabric_for_each_gpu():
    assert DGX.machine.nics == DGX.machine.accelerator_count == DGX.gpus_per_node
