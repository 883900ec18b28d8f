from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import rpc

from cnai.plugin.values import (
    RESOURCE,
    SECRET,
    SIGNATURE,
    UNKNOWN,
    Computed,
    Secret,
    contains,
    decode,
    encode,
    marked,
    plain,
    text_at,
)

SCALARS = st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=30
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=6)


def without_nulls(value: Any) -> Any:
    """Nulls in maps are absent values to Pulumi."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


@given(OBJECTS)
def test_a_struct_written_by_us_is_the_one_that_protobuf_writes(value):
    assert encode(value) == json_format.ParseDict(value, Struct())


@given(OBJECTS)
def test_what_goes_out_comes_back(value):
    assert decode(encode(value)) == without_nulls(value)


@given(OBJECTS)
def test_secrets_come_back_as_secrets_wherever_they_are(value):
    given_value = {"list": [Secret(value)], "map": {"deep": Secret("x")}, "plain": value}
    decoded = decode(encode(given_value))
    assert decoded["list"] == [Secret(without_nulls(value))]
    assert decoded["map"]["deep"] == Secret("x")
    assert plain(decoded) == without_nulls(plain(given_value))


def test_a_secret_is_what_the_sdk_takes_for_one():
    read = rpc.deserialize_properties(encode({"password": Secret("x")}))
    assert rpc.is_rpc_secret(read["password"])
    assert rpc.unwrap_rpc_secret(read["password"]) == "x"


def test_whole_numbers_are_integers_again_as_the_api_server_wants_them():
    assert str(decode(encode({"replicas": 3, "weight": 0.5}))) == "{'replicas': 3, 'weight': 0.5}"


def test_an_unknown_value_survives_the_way_there_and_back():
    decoded = decode(encode({"metadata": {"name": UNKNOWN}}))
    assert isinstance(decoded["metadata"]["name"], Computed)
    assert contains(decoded, Computed)
    assert not contains({"a": ["b"]}, Computed)


def test_an_output_value_is_its_value_its_secret_or_unknown():
    signature = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
    outputs = {
        "known": {SIGNATURE: signature, "value": "a"},
        "secret": {SIGNATURE: signature, "value": "b", "secret": True},
        "unknown": {SIGNATURE: signature},
    }
    assert decode(encode(outputs)) == {"known": "a", "secret": Secret("b"), "unknown": UNKNOWN}


def test_a_resource_given_as_a_value_is_its_id():
    assert decode(encode({"ref": {SIGNATURE: RESOURCE, "urn": "urn:x", "id": "ns/name"}})) == {"ref": "ns/name"}


def test_a_value_that_no_property_can_hold_is_named():
    with pytest.raises(TypeError, match="set"):
        encode({"a": {1, 2}})


def test_outputs_are_secret_where_the_inputs_were_and_nowhere_else():
    inputs = {"spec": {"token": Secret("t"), "args": ["a", Secret("b")], "replicas": 1}}
    outputs = {"spec": {"token": "t", "args": ["b", "a"], "replicas": 1, "added": "x"}, "status": {}}
    assert marked(outputs, inputs) == {
        "spec": {"token": Secret("t"), "args": Secret(["b", "a"]), "replicas": 1, "added": "x"},
        "status": {},
    }


def test_the_data_of_a_kubernetes_secret_is_secret_even_if_the_program_does_not_say_so():
    outputs = {"kind": "Secret", "data": {"a": "eA=="}, "metadata": {"name": "s"}}
    assert marked(outputs, {"stringData": {"a": "x"}})["data"] == Secret({"a": "eA=="})


def test_one_string_is_read_without_the_rest():
    struct = encode({"metadata": {"name": "a", "labels": {"x": 1}}, "kind": "Pod", "secret": Secret("s")})
    assert text_at(struct, "metadata", "name") == "a"
    assert text_at(struct, "metadata", "namespace") == ""
    assert text_at(struct, "absent", "name") == ""
    assert SECRET in str(struct)
