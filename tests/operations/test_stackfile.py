"""A value in a stack file is changed without touching anything else."""

import pytest
import yaml

from cnai.errors import UserError
from cnai.operations.stackfile import set_values, with_value

BLOCK = """# first line
config:
  cnai:cloud:
    aws:          # where
      region: us-east-1     # and why
      zones: 3
  cnai:pools: {}
"""
KEY = ("config", "cnai:cloud", "aws")


def test_a_new_key_comes_first_in_its_mapping_and_every_comment_stays():
    changed = with_value(BLOCK, (*KEY, "kubernetes"), "1.37")
    assert yaml.safe_load(changed)["config"]["cnai:cloud"]["aws"] == {
        "kubernetes": "1.37",
        "region": "us-east-1",
        "zones": 3,
    }
    assert [line for line in changed.splitlines() if "kubernetes" not in line] == BLOCK.splitlines()


def test_a_value_that_is_there_is_replaced_with_what_follows_it_kept():
    text = BLOCK.replace("zones: 3", "kubernetes: '1.36'  # tested")
    assert with_value(text, (*KEY, "kubernetes"), "1.37") == text.replace("'1.36'", '"1.37"')


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("{aws: {region: x}}", '{aws: {kubernetes: "1.37", region: x}}'),
        ("{aws: {}}", '{aws: {kubernetes: "1.37"}}'),
        ('{aws: {region: x, kubernetes: "1.36"}}', '{aws: {region: x, kubernetes: "1.37"}}'),
    ],
)
def test_a_mapping_on_one_line_stays_on_it(given, wanted):
    changed = with_value(f"config:\n  cnai:cloud: {given}  # here\n", (*KEY, "kubernetes"), "1.37")
    assert changed == f"config:\n  cnai:cloud: {wanted}  # here\n"


@pytest.mark.parametrize("text", ["config: {}\n", "config:\n  cnai:cloud: {aws: }\n", "- 1\n"])
def test_where_there_is_no_mapping_nothing_is_invented(text):
    with pytest.raises(UserError, match="is not a mapping in this file"):
        with_value(text, (*KEY, "kubernetes"), "1.37")


def test_several_values_are_written_together(tmp_path):
    path = tmp_path / "Pulumi.x.yaml"
    path.write_text(BLOCK)
    set_values(path, KEY, {"kubernetes": "1.37", "node_image": "1.37.0-20260101"})
    found = yaml.safe_load(path.read_text())["config"]["cnai:cloud"]["aws"]
    assert (found["kubernetes"], found["node_image"]) == ("1.37", "1.37.0-20260101")
