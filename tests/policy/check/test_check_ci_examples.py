"""The CI templates are what their systems take, and every command in them exists."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from ci_templates import CI, ROOT, TEMPLATES

from cnai.cli.app import app

COMMANDS = sorted({found for path in TEMPLATES for found in re.findall(r"\./cnai [^\n']+", path.read_text())})
SCHEMAS = {
    "github/platform.yaml": ["vendor.github-workflows"],
    "gitlab/platform.gitlab-ci.yml": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_template_keeps_to_its_published_schema(name):
    linter = Path(sys.executable).with_name("check-jsonschema")
    command = [linter, "--builtin-schema", *SCHEMAS[name], CI / name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_each_template_tests_checks_with_sarif_previews_and_prices():
    assert len(TEMPLATES) == 3
    for path in TEMPLATES:
        text = path.read_text()
        wanted = ("./cnai test unit", "--sarif > policy.sarif", "./cnai preview", "examples/ci/cost.py")
        assert [each for each in wanted if each not in text] == [], path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_a_template_is_one_of_ours_with_options_that_it_has(command):
    words = shlex.split(re.split(r" [>|]+ ", command)[0], comments=True)[1:]
    group = typer.main.get_command(app)
    if words[0].startswith("-"):
        assert words == ["--version"]
        return
    found = group.get_command(None, words[0])
    assert found is not None
    found.make_context(words[0], words[1:])


def test_a_groovy_file_closes_what_it_opens():
    text = re.sub(r"//[^\n]*", "", (CI / "jenkins" / "Jenkinsfile").read_text())
    assert text.count("{") == text.count("}")
    assert text.count("'''") % 2 == 0


def priced(before, after):
    command = [sys.executable, CI / "cost.py", before, after]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_cost_of_a_larger_pool_is_told_and_a_broken_file_is_not_a_price(tmp_path):
    for side in ("before", "after"):
        shutil.copytree(ROOT / "stacks", tmp_path / side / "stacks")
    stack = tmp_path / "after" / "stacks" / "Pulumi.local.yaml"
    stack.write_text(stack.read_text().replace("min: 2, max: 4", "min: 2, max: 5"))
    (tmp_path / "after" / "stacks" / "Pulumi.new.yaml").write_text("config: {}\n")
    rows = {
        line.split("|")[1].strip(): line for line in priced(tmp_path / "before", tmp_path / "after").splitlines()[4:]
    }
    assert re.search(r"\| \+\d+\.\d\d \|$", rows["local"])
    assert "none → ?" in rows["new"]
    assert "cnai:" in rows["new"]
