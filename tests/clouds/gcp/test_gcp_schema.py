"""Every property that is declared to Google's provider is one that it has, and none that it needs is left out."""

import importlib
from typing import Any, get_args

import pytest
from gcp_sample import POOLS, cluster, stores
from pulumi import _types


def args_class(token: str) -> Any:
    """`gcp:container/nodePool:NodePool` -> `pulumi_gcp.container.NodePoolArgs`."""
    _, path, name = token.split(":")
    return getattr(importlib.import_module(f"pulumi_gcp.{path.partition('/')[0]}"), f"{name}Args")


def element(kind: Any) -> Any:
    """The class of Pulumi's that a kind stands for, however wrapped; the kind itself where there is none."""
    if isinstance(kind, type) and _types.is_input_type(kind):
        return kind
    inner = [element(arg) for arg in get_args(kind)]
    return next((each for each in inner if isinstance(each, type) and _types.is_input_type(each)), kind)


def unknown(value: Any, kind: Any, path: str = "") -> list[str]:
    if isinstance(value, list):
        return [each for item in value for each in unknown(item, element(kind), path)]
    if not isinstance(value, dict) or not isinstance(kind, type) or not _types.is_input_type(kind):
        return []
    known = _types.input_type_types(kind)
    wrong = [f"{path}{key}" for key in value if key not in known]
    return wrong + [
        each
        for key, inner in value.items()
        if key in known
        for each in unknown(inner, element(known[key]), f"{path}{key}.")
    ]


@pytest.fixture(params=["everything", "operator", "open", "plain"])
def found(declared, request):
    programs = {
        "everything": lambda: cluster(POOLS, access={"user:ann@acme.com": "admin"}),
        "operator": lambda: cluster(POOLS, gpu_driver="operator", cmek=False),
        "open": lambda: cluster({}, public_access_cidrs=("203.0.113.0/24",)),
        "plain": stores,
    }
    return [each for each in declared(programs[request.param]) if each.type.startswith("gcp:")]


def test_googles_provider_knows_every_property(found):
    assert found
    wrong = {each.key: unknown(each.inputs, args_class(each.type)) for each in found}
    assert {key: properties for key, properties in wrong.items() if properties} == {}


def test_a_property_that_is_not_there_would_be_seen():
    kind = args_class("gcp:container/nodePool:NodePool")
    spec = {"nodeConfig": {"guestAccelerators": [{"type": "x", "colour": "green"}], "sport": True}, "clusters": ""}
    assert unknown(spec, kind) == ["clusters", "nodeConfig.sport", "nodeConfig.guestAccelerators.colour"]
