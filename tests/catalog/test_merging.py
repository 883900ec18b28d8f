"""Values are laid over one another as Helm does it, and nobody's are changed."""

from copy import deepcopy

import pulumi
from hypothesis import given
from hypothesis import strategies as st

from cnai.catalog import merged

leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=3)
values = st.dictionaries(
    st.sampled_from("abcd"),
    st.recursive(leaves, lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3), max_leaves=8),
    max_size=4,
)


@given(values, values)
def test_neither_side_is_changed_even_when_the_result_is(base, over):
    before = deepcopy((base, over))
    scribbled(merged(base, over))
    assert (base, over) == before


def scribbled(value):
    if isinstance(value, dict):
        for inner in value.values():
            scribbled(inner)
        value["scribble"] = 1
    elif isinstance(value, list):
        value.append("scribble")


@given(values, values)
def test_whatever_the_overlay_says_is_in_the_result(base, over):
    assert merged(merged(base, over), over) == merged(base, over)
    assert merged(over, {}) == over == merged({}, over)


@given(values, values, values)
def test_overlays_apply_in_turn(base, first, second):
    assert merged(base, first, second) == merged(merged(base, first), second)


def test_lists_are_replaced_whole_and_a_none_stays_for_helm_to_read():
    assert merged({"a": {"l": [1, 2], "k": 1}}, {"a": {"l": [3], "k": None}}) == {"a": {"l": [3], "k": None}}


def test_an_output_is_kept_as_it_is():
    output = pulumi.Output.from_input("later")
    assert merged({"a": {"b": 1}}, {"a": {"b": output}})["a"]["b"] is output
