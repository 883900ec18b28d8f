"""A stack file that is wrong is refused, with a line for each thing, by the key's path."""

import contextlib
import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cnai.environment import Environment, read_yaml, stack_schema, write_schema
from cnai.environment.needs import known_secrets
from cnai.errors import UserError
from cnai.features import features

ROOT = Path(__file__).resolve().parent.parent
STACKS = sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))
SCHEMA = ROOT / "stacks" / "schema.json"

BASE = {
    "cnai:cloud": {"local": {}},
    "cnai:pools": {
        "system": {"machine": "cpu-8", "min": 2, "max": 4},
        "h100": {"accelerator": "H100", "min": 0, "max": 4},
    },
    "cnai:features": {"gpu_operator": True, "monitoring": True, "kubeflow": ["trainer"]},
    "cnai:teams": {"research": {"gpus": {"h100": 16}}},
}


def changed(path: str, value) -> dict:
    """BASE with one key set, such as `pools.h100.min`; `...` takes the key away."""
    config = copy.deepcopy(BASE)
    first, *rest = path.split(".")
    keys = [f"cnai:{first}", *rest]
    here = config
    for key in keys[:-1]:
        here = here.setdefault(key, {})
    if value is ...:
        del here[keys[-1]]
    else:
        here[keys[-1]] = value
    return config


def refusal(config) -> list[str]:
    with pytest.raises(UserError) as refused:
        Environment.load("demo", config)
    return str(refused.value).splitlines()


def test_what_is_left_out_has_a_default():
    environment = Environment.load("demo", BASE)
    assert environment.pools["h100"].machine.name == "h100-8"
    assert environment.pools["h100"].zones == ("local-a", "local-b", "local-c")
    assert "jobset" in environment.features
    assert environment.gpu_quota("research") == {"nvidia.com/gpu": 16}


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("pool", {}, "cnai:pool: unknown key: did you mean 'pools'?"),
        ("pools.h100.mn", 1, "cnai:pools.h100.mn: unknown key: did you mean 'min'? Allowed: accelerator"),
        (
            "pools.h100.sharing",
            {"slices": 2},
            "cnai:pools.h100.sharing.slices: unknown key: did you mean 'time_slices'?",
        ),
        ("features.mash", "istio", "cnai:features.mash: unknown key: did you mean 'mesh'?"),
        ("pools.h100.accelerator", "H800", "cnai:pools.h100.accelerator: local has no 'H800': give A100"),
        ("pools.h100.min", 5, "cnai:pools.h100.min: 5 is more than max (4)"),
        ("pools.h100.min", -1, "cnai:pools.h100.min: give at least 0"),
        ("pools.h100.max", 10**9, "cnai:pools.h100.max: give at most 5000"),
        ("pools.h100.min", "2", "cnai:pools.h100.min: give a whole number"),
        ("pools.h100.min", True, "cnai:pools.h100.min: give a whole number"),
        ("pools.H100", {}, "cnai:pools.H100: use at most 40 lower-case letters"),
        ("pools.h100.capacity", ["queued"], "cnai:pools.h100.capacity[0]: local has no route 'queued'"),
        ("pools.h100.capacity", ["spot", "spot"], "cnai:pools.h100.capacity[1]: spot is listed twice"),
        ("pools.h100.capacity", [], "cnai:pools.h100.capacity: give at least 1"),
        ("pools.h100.capacity", ["cheap"], "cnai:pools.h100.capacity[0]: give on-demand, spot, reserved or queued"),
        ("pools.h100.zones", ["moon-1"], "cnai:pools.h100.zones[0]: no zone 'moon-1'"),
        (
            "pools.h100.labels",
            {"nvidia.com/gpu.count": "9"},
            "cnai:pools.h100.labels.nvidia.com/gpu.count: nvidia.com/ is",
        ),
        ("pools.h100.labels", {"a b": "c"}, "cnai:pools.h100.labels.a b: not a label"),
        ("pools.h100.taints", ["gpu"], "cnai:pools.h100.taints[0]: write key=value:Effect"),
        (
            "pools.h100.sharing",
            {"mig": "9g"},
            "cnai:pools.h100.sharing: H100-80GB has no MIG profile '9g': give 1g.10gb",
        ),
        ("pools.h100.fabric", "efa", "cnai:pools.h100.fabric: h100-8 has no RDMA fabric, not efa"),
        ("pools.h100.fabric", "roce", "cnai:pools.h100.fabric: no fabric 'roce': Allowed: efa"),
        ("pools.h100.topology", "2x4", "cnai:pools.h100.topology: h100-8 has no TPU"),
        ("pools.h100.placement", "near", "cnai:pools.h100.placement: give 'compact'"),
        ("pools.h100.selector", {"a": "b"}, "cnai:pools.h100.selector: local creates the pool's nodes"),
        (
            "pools.h100.capacity",
            [{"reserved": "cr-1", "zone": "local-z"}],
            "cnai:pools.h100.capacity[0]: cr-1 is in local-z, and the pool is not",
        ),
        ("pools.h100.capacity", [{"reserved": "cr-1", "zone": "local-a"}], ""),
        ("pools.h100.capacity", [{"spot": "s-1"}], "cnai:pools.h100.capacity[0]: give on-demand, spot"),
        ("features.object_store", "bucket", "cnai:features.object_store: local has no 'bucket'"),
        ("pools.system", ..., "cnai:pools: a pool named system is needed"),
        ("pools.system.min", 0, "cnai:pools.system.min: give at least 1"),
        ("cloud", {"lunar": {"region": "moon-1"}}, "cnai:cloud.lunar: unknown key"),
        ("cloud", {}, "cnai:cloud: name exactly one cloud of local"),
        ("cloud", ..., "cnai:cloud: required, but not given"),
        ("features.jobset", False, "cnai:features.kubeflow.trainer: needs jobset, which is off"),
        ("features.monitoring", False, ""),
        ("features.monitoring", {"gpu_dashboard": "yes"}, "cnai:features.monitoring.gpu_dashboard: give true or false"),
        (
            "features.monitoring",
            {"gpu_dashbord": True},
            "cnai:features.monitoring.gpu_dashbord: unknown key",
        ),
        ("features.monitoring", "on", "cnai:features.monitoring: give true or false, or a mapping of its settings"),
        (
            "features.monitoring",
            {"values": {"grafana": {}}},
            "cnai:features.monitoring.values.grafana: no chart",
        ),
        ("features.mesh", ["istio"], ""),
        ("features.mesh", {"istio": {"values": {"istiod": {}}}}, ""),
        ("features.mesh", {"istio": False}, ""),
        ("features.mesh", "istoi", "cnai:features.mesh: unknown 'istoi': did you mean 'istio'?"),
        ("features.mesh", 3, "cnai:features.mesh: give one of istio, alone or with a mapping of its settings"),
        (
            "features.object_store",
            ["minio", "seaweedfs"],
            "cnai:features.object_store: minio and seaweedfs are mutually exclusive",
        ),
        (
            "features.object_store",
            {"minio": {"servers": 0}},
            "cnai:features.object_store.minio.servers: give",
        ),
        ("features.kubeflow", ["katib"], "cnai:features.kubeflow: unknown 'katib': Allowed: trainer"),
        ("teams.kube-system", {}, "cnai:teams.kube-system: the namespace kube-system belongs to the platform"),
        ("teams.default", {}, "cnai:teams.default: the namespace default belongs to the platform"),
        ("teams.research.gpus.l4", 1, "cnai:teams.research.gpus.l4: no pool with GPUs of that name"),
        ("teams.research.gpus.h100", -1, "cnai:teams.research.gpus.h100: give at least 0"),
        ("teams.research.gpus.h100", 33, "cnai:teams.research.gpus.h100: research 33 is 33 GPUs, and h100 has 32"),
        ("teams.chat", {"gpus": {"h100": 17}}, "cnai:teams.research.gpus.h100: research 16 + chat 17 is 33 GPUs"),
        ("secrets.token", "x", "cnai:secrets.token: no component uses it: Allowed: grafana_admin_password"),
        (
            "secrets.object_store_root_password",
            "x",
            "cnai:secrets.object_store_root_password: the feature that uses it",
        ),
    ],
)
def test_each_mistake_is_one_line_with_the_keys_path(path, value, line):
    config = changed(path, value)
    if not line:
        assert Environment.load("demo", config)
        return
    lines = refusal(config)
    assert [each for each in lines if each.startswith(line)], lines


def test_a_gpu_dashboard_without_what_feeds_it_is_refused():
    config = changed("features.monitoring", {"gpu_dashboard": True})
    config["cnai:features"]["gpu_operator"] = False
    assert refusal(config) == [
        "cnai:features.monitoring.gpu_dashboard: needs gpu_operator, which is off: "
        "switch gpu_operator on under cnai:features"
    ]


def test_a_namespace_is_taken_only_where_the_feature_that_lives_there_is_on():
    config = changed("teams.monitoring", {})
    assert refusal(config) == [
        "cnai:teams.monitoring: the namespace monitoring belongs to the platform: choose another name"
    ]
    config["cnai:features"]["monitoring"] = False
    assert "monitoring" in Environment.load("demo", config).teams


def test_every_mistake_of_a_kind_is_told_at_once():
    config = changed("pools.h100.min", -1)
    config["cnai:pools"]["system"]["mx"] = 3
    config["cnai:teams"]["research"]["gpus"]["h100"] = "all"
    assert len(refusal(config)) == 3


def test_a_team_that_borrows_may_be_promised_more_than_there_is_and_is_held_to_what_there_is():
    environment = Environment.load("demo", changed("teams.research", {"gpus": {"h100": 64}, "borrow": True}))
    assert environment.gpu_quota("research") == {"nvidia.com/gpu": 32}


def test_a_name_that_no_cluster_would_take_is_refused():
    with pytest.raises(UserError, match="not a valid environment name"):
        Environment.load("Prod!", BASE)


def test_the_value_of_a_secret_is_in_no_message_and_no_repr():
    config = changed("secrets.grafana_admin_password", "hunter2-in-clear")
    environment = Environment.load("demo", config)
    assert environment.secret("grafana_admin_password") == "hunter2-in-clear"
    assert "hunter2" not in repr(environment)
    config["cnai:secrets"] |= {"nonsense": "hunter2-too", "grafana_admin_password": ["hunter2-list"]}
    assert "hunter2" not in "\n".join(refusal(config))


def test_two_pools_of_one_name_are_refused_by_line_rather_than_one_dropped():
    text = "config:\n  cnai:pools:\n    h100: {max: 1}\n    l4: {}\n    h100: {max: 2}\n"
    with pytest.raises(UserError, match=r"Pulumi\.x\.yaml: not YAML: 'h100' is on line 3 and again on line 5"):
        read_yaml(text, "Pulumi.x.yaml")


@pytest.mark.parametrize("value", ["!!bool maybe", "!!timestamp soon", "!!int many", "? " * 5000 + "x"])
def test_a_value_that_is_not_what_its_tag_says_is_refused_in_a_sentence(value):
    with pytest.raises(UserError, match="file: not YAML: "):
        read_yaml(f"config: {value}\n", "file")


@given(st.text(max_size=40))
def test_reading_yaml_gives_a_value_or_a_sentence(text):
    with contextlib.suppress(UserError):
        read_yaml(text, "file")


def test_the_sketch_in_the_design_differs_only_by_the_features_that_are_not_built():
    sketch = {
        "cnai:cloud": {"aws": {"region": "us-east-1", "zones": 3, "cidr": "10.40.0.0/16"}},
        "cnai:pools": {
            "system": {"machine": "m7i.2xlarge", "min": 3, "max": 6},
            "h100": {
                "accelerator": "H100",
                "min": 0,
                "max": 32,
                "capacity": [{"block": "cr-0a1b2c"}, "reserved", "on-demand"],
                "fabric": "efa",
            },
            "l4": {"accelerator": "L4", "max": 20, "capacity": ["spot", "on-demand"], "sharing": {"time_slices": 4}},
        },
        "cnai:features": {"mesh": "istio", "gateway": "envoy", "logs": "loki", "kubeflow": ["trainer"]},
        "cnai:teams": {
            "research": {"gpus": {"h100": 64}, "borrow": True, "budget_usd_per_month": 200000, "sso_group": "research"},
            "chat": {"gpus": {"l4": 16}, "priority": "serving", "sso_group": "chat"},
        },
    }
    paths = [line.split(": ")[0] for line in refusal(sketch)]
    assert paths == ["cnai:features.gateway", "cnai:features.logs"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SECTIONS = {
    "": ["cloud", "pools", "features", "teams", "secrets", "other"],
    "cloud.": ["local", "local.zones"],
    "pools.": ["h100", "x"],
    "pools.h100.": ["min", "max", "machine", "accelerator", "count_per_node", "capacity", "labels", "taints", "zones"],
    "pools.h100.sharing": ["", ".mig", ".time_slices"],
    "features.": ["kubeflow", "mesh", "object_store", "monitoring"],
    "teams.": ["research", "x", "research.gpus", "research.gpus.h100", "research.sso_group"],
    "secrets.": ["grafana_admin_password", "x"],
}
PATHS = st.sampled_from([prefix + key for prefix, keys in SECTIONS.items() for key in keys])


@given(PATHS, JSON)
def test_whatever_stands_anywhere_in_a_stack_file_is_taken_or_refused_in_lines(path, value):
    try:
        Environment.load("demo", changed(path, value))
    except UserError as refused:
        lines = str(refused).splitlines()
        assert lines
        assert all(line.startswith("cnai:") for line in lines)


@given(st.dictionaries(st.text(max_size=12) | st.sampled_from(sorted(BASE)), JSON, max_size=4))
def test_no_junk_of_a_configuration_gets_a_traceback(config):
    with pytest.raises(UserError):
        Environment.load("demo", config)


def test_every_feature_is_made_of_packages_that_the_catalog_has():
    from cnai.catalog import catalog

    for feature in features().values():
        assert {catalog()[package].home for package in feature.packages} <= {feature.module[5:-8].replace(".", "/")}
    assert set(known_secrets()) == {"grafana_admin_password", "object_store_root_password"}


def test_the_published_schema_is_current(request, tmp_path):
    if request.config.getoption("--update-goldens"):
        write_schema(SCHEMA)
    assert json.loads(SCHEMA.read_text()) == stack_schema(), "run `./cnai schema`"


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_every_stack_is_valid_for_editors_and_for_the_program_alike(path):
    document = yaml.safe_load(path.read_text())
    jsonschema.Draft202012Validator(stack_schema()).validate(document)
    assert Environment.load(path.stem.removeprefix("Pulumi."), document["config"])
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("pools.h100.mn", 1),
        ("pools.H100", {}),
        ("pools.h100.accelerator", "H800"),
        ("pools.h100.capacity", ["cheap"]),
        ("pools.h100.taints", ["gpu"]),
        ("features.kubeflow", ["katib"]),
        ("secrets.grafana_admin_password", "in clear"),
        ("secrets.token", {"secure": "x"}),
        ("cloud", ...),
    ],
)
def test_an_editor_marks_what_the_program_would_refuse(path, value):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(stack_schema()).validate({"config": changed(path, value)})


def test_an_editor_leaves_other_packages_keys_alone():
    jsonschema.Draft202012Validator(stack_schema()).validate({"config": {**BASE, "aws:region": "us-east-1"}})


@pytest.mark.parametrize("driver", ["default", "operator"])
def test_gpus_are_shared_by_the_operator_or_by_a_cloud_that_does_it_itself(driver):
    config = yaml.safe_load((ROOT / "stacks" / "Pulumi.gcp-prod.yaml").read_text())["config"]
    config["cnai:cloud"]["gcp"]["gpu_driver"] = driver
    config["cnai:features"] |= {"gpu_operator": False, "monitoring": False}
    if driver == "default":
        assert Environment.load("demo", config).pools["l4"].sharing.time_slices == 4
    else:
        assert "cnai:pools.l4.sharing: needs gpu_operator" in "\n".join(refusal(config))
