"""Flags, variables and what is refused."""

import pytest
from cnai_inference.config import ServeOptions, parse
from cnai_inference.errors import InferenceError


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_default():
    environment = {"CNAI_SERVE_ROWS": "4", "CNAI_SERVE_MODEL": "s3://bucket/chat@v1/", "CNAI_SERVE_INT8": "true"}
    options = parse(["--rows", "8"], environment)
    assert (options.rows, options.waiting, options.int8) == (8, 64, True)
    assert parse([], environment).rows == 4
    assert parse([], {"CNAI_SERVE_MODEL": "hf://owner/chat@abc"}).served_name == "chat"


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"engine": "magic"}, {"adapters": "noname"}, {"stall_s": 0}, {"waiting": -1}]
)
def test_a_value_that_cannot_work_is_named(wrong):
    with pytest.raises(InferenceError, match=next(iter(wrong))):
        _ = ServeOptions(model="x", **wrong).adapter_sources
