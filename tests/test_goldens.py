"""What each environment declares is committed. Rewrite: `./cnai test unit --update-goldens`."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cnai.environment import Environment
from cnai.platform import Platform
from golden_form import Declared, counted, written

ROOT = Path(__file__).resolve().parent.parent
GOLDENS = ROOT / "tests" / "goldens"
ENVIRONMENTS = sorted(path.stem.removeprefix("Pulumi.") for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))


def declared_by(environment: str, declared):
    config = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{environment}.yaml").read_text())["config"]
    return declared(lambda: Platform(Environment.load(environment, config)), environment)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_declares_what_its_golden_says(environment, declared, request):
    golden, now = GOLDENS / f"{environment}.yaml", written(declared_by(environment, declared))
    if request.config.getoption("--update-goldens"):
        golden.write_text(now)
    assert now.splitlines() == golden.read_text().splitlines(), "if it is meant: ./cnai test unit --update-goldens"


def test_every_golden_has_its_environment():
    assert sorted(path.stem for path in GOLDENS.iterdir()) == ENVIRONMENTS


def changes(resource):
    """The resource with one thing about it changed, in every way there is."""
    for name in resource.inputs:
        yield replace(resource, inputs=without(resource.inputs, name))
        yield replace(resource, inputs=resource.inputs | {name: {"is": "other"}})
    for name, value in resource.options.items():
        yield replace(resource, options=without(resource.options, name))
        for left in value if isinstance(value, list | dict) else ():
            yield replace(resource, options=resource.options | {name: without(value, left)})
    yield replace(resource, options=resource.options | {"protect": not resource.options.get("protect")})
    yield replace(resource, parent="")
    yield replace(resource, name=f"{resource.name}-other")


def without(value, left):
    kept = [each for each in value if each != left]
    return {key: value[key] for key in kept} if isinstance(value, dict) else kept


def test_whatever_changes_shows_in_the_golden(declared):
    """Though a golden leaves out what another line says."""
    resources = declared_by("dev", declared)
    before, hidden = list(Declared(resources).blocks()), []
    for position, resource in enumerate(resources):
        for changed in changes(resource):
            now = Declared([*resources[:position], changed, *resources[position + 1 :]])
            if changed != resource and list(now.blocks()) == before:
                hidden.append(changed)
    assert hidden == []


def test_a_golden_counts_every_resource_once(declared):
    resources = declared_by("local", declared)
    assert sorted(counted(written(resources))) == sorted(each.key for each in resources)
