"""The platform declares what the environment says, in an order that works, and nothing else."""

import ast
import copy
import json
import runpy
from pathlib import Path

import pulumi
import pytest
from pulumi.runtime.config import set_all_config

from cnai.catalog import catalog
from cnai.clouds.local import cluster as local
from cnai.environment import Environment
from cnai.features import features, predecessors
from cnai.platform import Platform
from recording import SECRET

ROOT = Path(__file__).resolve().parent.parent
BARE = {"cnai:cloud": {"local": {}}, "cnai:pools": {"system": {"min": 2, "max": 2}}}
FULL = {
    "cnai:cloud": {"local": {}},
    "cnai:pools": {
        "system": {"machine": "cpu-16", "min": 1, "max": 3},
        "h100": {"accelerator": "H100", "min": 1, "max": 2, "taints": ["tier=gold:NoSchedule"]},
        "l4": {"accelerator": "L4", "max": 4, "sharing": {"time_slices": 4}},
    },
    "cnai:features": {
        "cert_manager": True,
        "gpu_operator": True,
        "mesh": "istio",
        "object_store": {"minio": {"accept_end_of_life": "a test"}},
        "monitoring": True,
        "kubeflow": ["trainer"],
        "kueue": True,
    },
    "cnai:teams": {"research": {"gpus": {"h100": 16}, "sso_group": "r"}, "chat": {"priority": "serving"}},
}


def config(**features):
    found = copy.deepcopy(FULL)
    found["cnai:features"] |= features
    return found


@pytest.fixture
def platform(declared):
    def declare(given):
        return declared(lambda: Platform(Environment.load("local", given)))

    return declare


def of_type(resources, kind):
    return [each for each in resources if each.type == kind]


def releases(resources):
    return {each.inputs["name"]: each for each in of_type(resources, "kubernetes:helm.sh/v3:Release")}


def test_what_is_not_enabled_is_not_there(platform):
    types = {each.type for each in platform(BARE)}
    assert types == {
        "cnai:platform:Platform",
        "cnai:clouds:LocalCluster",
        "cnai:capacity:NodePool",
        "kubernetes:core/v1:Node",
        "pulumi:providers:kubernetes",
    }


def test_every_package_behind_a_feature_is_installed_when_all_are_on(platform):
    charts = {each.inputs["chart"].rpartition("/")[2] for each in releases(platform(FULL)).values()}
    wanted = {package for feature in features().values() for package in feature.packages} - {"seaweedfs"}
    assert charts == {catalog()[package].source.chart for package in wanted}


@pytest.mark.parametrize(("kind", "port"), [(FULL["cnai:features"]["object_store"], 9000), ("seaweedfs", 8333)])
def test_a_team_reaches_the_object_store_that_there_is(platform, kind, port):
    policies = of_type(platform(config(object_store=kind)), "kubernetes:networking.k8s.io/v1:NetworkPolicy")
    (rule,) = next(each for each in policies if each.name == "chat-allow-object-store").inputs["spec"]["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": port}]
    assert rule["to"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "object-store"}


def test_without_a_store_or_monitoring_no_policy_opens_a_way_there(platform):
    without = config(object_store=None, monitoring=False)
    names = {each.name for each in of_type(platform(without), "kubernetes:networking.k8s.io/v1:NetworkPolicy")}
    assert "chat-deny-all" in names
    assert not {name for name in names if "object-store" in name or "scraping" in name}


def test_a_feature_comes_after_the_system_pool_and_after_what_it_needs(platform):
    resources = {each.name: each for each in platform(FULL) if each.type.startswith("cnai:")}
    on = Environment.load("local", FULL).features
    for key, chosen in on.items():
        waits_for = resources[chosen.feature.logical_name].options["dependsOn"]
        assert "kubernetes:core/v1:Node::system-0" in waits_for
        for need in (on[each] for each in predecessors(chosen.feature, features()) if each in on):
            before = need.feature.logical_name
            assert any(each.rpartition("::")[2].startswith(f"{before}-") for each in waits_for), (key, before)


def test_no_feature_waits_for_one_that_comes_later():
    seen = set()
    for key, feature in features().items():
        assert predecessors(feature, features()) <= seen
        seen.add(key)


def test_the_gpu_operator_learns_from_the_pools_how_gpus_are_shared_and_what_to_tolerate(platform):
    values = releases(platform(FULL))["gpu-operator"].inputs["values"]
    assert "time-slices-4" in json.dumps(values)
    assert {each["key"] for each in values["daemonsets"]["tolerations"]} == {"nvidia.com/gpu", "tier"}


def test_every_object_in_the_cluster_goes_through_the_clusters_own_provider(platform):
    for each in platform(FULL):
        if each.type.startswith("kubernetes:"):
            assert each.options["provider"] == "pulumi:providers:kubernetes::cluster-kubernetes", each.key


def test_what_keeps_state_is_protected_unless_the_cluster_is_disposable(platform, monkeypatch):
    assert not [each for each in platform(FULL) if each.options.get("protect")]
    made = local.local_traits
    lasting = lambda args: made(args).__class__(**{**vars(made(args)), "disposable": False})  # noqa: E731
    monkeypatch.setattr(local, "local_traits", lasting)
    protected = {each.key for each in platform(FULL) if each.options.get("protect")}
    assert "kubernetes:core/v1:Namespace::research-namespace" in protected
    assert "kubernetes:helm.sh/v3:Release::object-store-release" in protected
    assert "kubernetes:helm.sh/v3:Release::istio-istiod" not in protected


def test_a_secret_reaches_its_component_as_a_secret_and_nothing_in_clear(platform):
    given = {**FULL, "cnai:secrets": {"grafana_admin_password": "hunter2-g", "object_store_root_password": "hunter2-o"}}
    resources = platform(given)
    assert "hunter2" not in repr(resources)
    secrets = of_type(resources, "kubernetes:core/v1:Secret")
    assert {each.name for each in secrets} == {"monitoring-grafana-admin", "object-store-minio-root"}
    assert all(SECRET in json.dumps(each.inputs) for each in secrets)


def test_names_are_unique_so_that_no_resource_takes_anothers_place(platform):
    keys = [(each.parent, each.key) for each in platform(FULL)]
    assert len(keys) == len(set(keys))


def run_program(declared, monkeypatch, given, secret_keys=()):
    """stacks/__main__.py on a stack's configuration, as the engine hands it over; its exports."""
    exported = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)

    def program():
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
        set_all_config(texts, list(secret_keys))
        runpy.run_path(str(ROOT / "stacks" / "__main__.py"), run_name="__main__")

    declared(program)
    return exported


def test_the_program_exports_capacity_and_where_things_are(declared, monkeypatch):
    exported = run_program(declared, monkeypatch, FULL)
    assert set(exported) == {"cluster", "pools", "namespaces", "endpoints", "teams", "buckets"}
    assert exported["pools"]["h100"]["gpus"] == {"model": "H100-80GB", "min": 8, "max": 16}
    assert exported["pools"]["l4"]["gpus"] == {"model": "L4-24GB", "min": 0, "max": 16}
    assert exported["pools"]["h100"]["usd_per_hour"]["max"] == pytest.approx(
        2 * exported["pools"]["h100"]["usd_per_hour"]["min"]
    )
    assert exported["teams"] == {"research": "research", "chat": "chat"}
    assert exported["endpoints"] == {
        "object-store": "http://minio.object-store.svc:9000",
        "grafana": "http://kube-prometheus-stack-grafana.monitoring.svc",
    }


def test_the_address_of_grafana_is_that_of_a_service_that_the_chart_makes():
    stack = catalog()["kube-prometheus-stack"]
    assert "{release}-grafana" in {service.name for service in stack.lock.services}


def test_a_wrong_stack_stops_the_program_with_its_lines_and_no_resource(declared, monkeypatch):
    wrong = {**FULL, "cnai:pools": {"system": {"min": 3, "max": 2}}}
    with pytest.raises(pulumi.RunError, match=r"cnai:pools.system.min: 3 is more than max \(2\)"):
        run_program(declared, monkeypatch, wrong)


def test_a_secret_that_stands_in_clear_in_the_stack_file_is_refused(declared, monkeypatch):
    clear = {**FULL, "cnai:secrets": {"grafana_admin_password": "hunter2"}}
    with pytest.raises(pulumi.RunError, match="is in clear text") as refused:
        run_program(declared, monkeypatch, clear)
    assert "hunter2" not in str(refused.value)


def test_a_secret_that_the_engine_decrypted_is_taken_and_never_exported(declared, monkeypatch):
    given = {**FULL, "cnai:secrets": {"grafana_admin_password": "hunter2"}}
    assert "hunter2" not in repr(run_program(declared, monkeypatch, given, secret_keys=["cnai:secrets"]))


def test_nothing_that_is_declared_knows_of_the_sandbox():
    library = ROOT / "components" / "cnai"
    rooms = ("sandbox", "cli", "render", "checks", "operations", "charts", "engine", "toolchain", "plugin", "paths.py")
    outside = [path for path in library.rglob("*.py") if path.relative_to(library).parts[0] not in rooms]
    for path in [*outside, ROOT / "stacks" / "__main__.py"]:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        imported = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        assert not [name for name in imported if name.startswith(("cnai.sandbox", "cnai.cli"))], path
        read = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        assert not {"CNAI_SANDBOX_DIR", "CNAI_PROJECT"} & read, path
