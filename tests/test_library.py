"""`from cnai import …`: what editors see is what there is, and importing cnai costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cnai
from cnai.features import component_homes

ROOT = Path(__file__).resolve().parent.parent


def seen_by_editors() -> set[tuple[str, str]]:
    tree = ast.parse(Path(cnai.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {(node.module, alias.name) for node in block.body for alias in node.names}


@pytest.mark.parametrize("name", cnai.__all__)
def test_every_name_can_be_imported(name):
    assert getattr(cnai, name)


def test_editors_see_the_names_where_they_are():
    homes = {**cnai._HOME_OF, **component_homes()}
    assert {(home, name) for name, home in homes.items()} == seen_by_editors()
    assert set(homes) == set(cnai.__all__) - {"__version__"}


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Kubernets"):
        _ = cnai.Kubernets


def test_importing_cnai_loads_no_sdk():
    code = "import sys, cnai; print([m for m in ('pulumi', 'pulumi_kubernetes', 'pydantic') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_validating_an_environment_loads_no_clouds_sdk():
    code = "import sys, cnai.environment; print([m for m in sys.modules if m.startswith(('pulumi_', 'boto'))])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("environment", ["local", "aws-prod", "gcp-prod", "azure-prod", "onprem"])
def test_an_environment_loads_the_sdk_of_its_own_cloud_and_no_other(environment):
    code = f"""
import sys, yaml
from cnai.environment import Environment
from cnai.platform import Platform
from cnai.render.recording import record
config = yaml.safe_load(open("stacks/Pulumi.{environment}.yaml"))["config"]
record(lambda: Platform(Environment.load("{environment}", config)), "cnai", "{environment}")
print(sorted({{m.split(".")[0] for m in sys.modules}} & {{"pulumi_aws", "pulumi_gcp", "pulumi_azure_native", "boto3"}}))
"""
    own = {"aws-prod": ["pulumi_aws"], "gcp-prod": ["pulumi_gcp"], "azure-prod": ["pulumi_azure_native"]}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == f"{own.get(environment, [])}\n"
