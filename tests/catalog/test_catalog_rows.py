"""Every row of the catalog, held to the same rules."""

import ast
import re
import tomllib
from datetime import date
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

from cnai.capacity.gpu_operator.component import GpuOperator, GpuOperatorArgs
from cnai.catalog import catalog
from cnai.clouds.aws.fabric import EfaPlugin
from cnai.clouds.aws.karpenter import AwsKarpenter, AwsKarpenterArgs
from cnai.clouds.onprem.ceph import Ceph, CephArgs
from cnai.clouds.onprem.metallb import MetalLB, MetalLBArgs
from cnai.clouds.traits import ClusterTraits
from cnai.features import features
from cnai.kubeflow.jobset.component import JobSet, JobSetArgs
from cnai.kubeflow.trainer.component import Trainer, TrainerArgs
from cnai.network.cert_manager.component import CertManager, CertManagerArgs
from cnai.network.istio.component import Istio, IstioArgs
from cnai.observability.monitoring.component import Monitoring, MonitoringArgs
from cnai.scheduling.kueue.component import Kueue, KueueArgs
from cnai.storage.minio.component import MinIO, MinIOArgs
from cnai.storage.seaweedfs.component import SeaweedFS, SeaweedFSArgs

COMPONENTS = Path(__file__).resolve().parents[2] / "components" / "cnai"
VERSION = re.compile(r"(?<![\d.])v?\d+\.\d+\.\d+(?![\d.])")
PACKAGES = pytest.mark.parametrize("package", catalog().values(), ids=list(catalog()))


@PACKAGES
def test_every_chart_is_pinned_to_one_version(package):
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", package.version)


@PACKAGES
def test_every_image_is_pinned_and_says_its_registry_unless_it_is_docker_hub(package):
    for image in package.images:
        assert re.fullmatch(r"[\w.-]+(/[\w.-]+)+:[\w.-]+(@sha256:[0-9a-f]{64})?", image), image
        assert not image.endswith((":latest", ":main")), image


@PACKAGES
def test_every_package_says_its_licence_and_how_upstream_is_doing(package):
    assert re.fullmatch(r"[\w.-]+( (AND|OR) [\w.-]+)*", package.licence)
    assert date(2026, 1, 1) <= package.health.seen <= date.today()


@PACKAGES
def test_what_is_no_longer_maintained_names_a_maintained_successor(package):
    if package.health.status != "maintained":
        assert catalog()[package.health.instead].health.status == "maintained"


@PACKAGES
def test_crds_come_from_the_pinned_version(package):
    for file in package.crd_files:
        assert "{version}" in file.url
        assert file.crds


@PACKAGES
def test_a_stand_in_can_be_made(package):
    workloads = package.lock.workloads
    assert len({workload.name for workload in workloads}) == len(workloads)
    images = {image.partition("@")[0] for image in package.images}
    for workload in workloads:
        names = [port.name for port in workload.ports if port.name]
        assert all(re.fullmatch(r"[a-z0-9-]{1,15}", name) for name in names), names
        assert workload.image.partition("@")[0] in {*images, "auto"}, workload.image
    for service in package.lock.services:
        ports = {port.name for each in workloads if each.name == service.workload for port in each.ports}
        named = {port.target for port in service.ports if isinstance(port.target, str)}
        assert not service.workload or named <= ports


def test_needs_have_no_cycle():
    order = list(TopologicalSorter({name: package.needs for name, package in catalog().items()}).static_order())
    assert order.index("prometheus-operator-crds") < order.index("kube-prometheus-stack")


def test_istio_is_of_one_version():
    assert len({catalog()[name].version for name in ("istio-base", "istiod", "istio-gateway")}) == 1


@pytest.mark.parametrize("path", sorted(COMPONENTS.rglob("values.yaml")), ids=lambda path: path.parent.name)
def test_every_values_file_speaks_of_packages_beside_it_and_says_something(path):
    beside = tomllib.loads((path.parent / "package.toml").read_text())
    given = yaml.safe_load(path.read_text())
    assert given.keys() <= beside.keys()
    assert all(isinstance(each, dict) and each for each in given.values())


def test_every_package_belongs_to_a_feature_or_to_a_cloud():
    of_features = {package for feature in features().values() for package in feature.packages}
    of_clouds = {name for name, package in catalog().items() if package.home.startswith("clouds/")}
    assert of_features | of_clouds == set(catalog())
    assert not of_features & of_clouds


def test_every_package_is_installed_by_some_component(declared):
    traits = ClusterTraits(kubernetes_version="1.36", storage_class="any", load_balancer="cloud", accelerators=True)

    def everything():
        Monitoring("monitoring", MonitoringArgs(traits=traits))
        CertManager("cert-manager", CertManagerArgs(traits=traits))
        GpuOperator("gpu-operator", GpuOperatorArgs(traits=traits))
        Istio("istio", IstioArgs(traits=traits))
        MinIO("minio", MinIOArgs(traits=traits))
        SeaweedFS("seaweedfs", SeaweedFSArgs(traits=traits))
        JobSet("jobset", JobSetArgs(traits=traits))
        Trainer("trainer", TrainerArgs(traits=traits))
        Kueue("kueue", KueueArgs(traits=traits, environment="prod"))
        MetalLB("metallb", MetalLBArgs(traits=traits, addresses=("192.0.2.0/28",)))
        Ceph("ceph", CephArgs(traits=traits, selector={"a": "b"}))
        AwsKarpenter("karpenter", AwsKarpenterArgs(traits=traits, cluster="c", cluster_arn="arn", region="us-east-1"))
        EfaPlugin("efa", [])

    releases = [each.inputs for each in declared(everything) if each.type == "kubernetes:helm.sh/v3:Release"]
    installed = {(release["chart"].rpartition("/")[2], release["version"]) for release in releases}
    assert installed == {(package.source.chart, package.version) for package in catalog().values()}


def literals(path: Path):
    """Strings of a module, without its docstrings."""
    tree = ast.parse(path.read_text())
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node


OTHER_VERSIONS = ("_version.py", "policy/formats/sarif.py")
"""Our own, and a file format's: no package's."""


def test_versions_stand_only_in_data_files():
    found = [
        f"{path.relative_to(COMPONENTS)}:{node.lineno}: {node.value!r}"
        for path in sorted(COMPONENTS.rglob("*.py"))
        if path.relative_to(COMPONENTS).as_posix() not in OTHER_VERSIONS
        for node in literals(path)
        if VERSION.search(node.value)
    ]
    assert found == []
