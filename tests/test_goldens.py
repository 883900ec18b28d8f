"""What each environment declares is committed. Rewrite: `pytest tests/test_goldens.py --update-goldens`."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from cnai.environment import Environment
from cnai.platform import Platform

ROOT = Path(__file__).resolve().parent.parent
GOLDENS = ROOT / "tests" / "goldens"
ENVIRONMENTS = sorted(path.stem.removeprefix("Pulumi.") for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))


def declares(environment: str, declared) -> str:
    config = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{environment}.yaml").read_text())["config"]
    resources = declared(lambda: Platform(Environment.load(environment, config)), environment)
    rows = sorted((asdict(resource) for resource in resources), key=lambda row: (row["type"], row["name"]))
    return json.dumps(rows, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_declares_what_its_golden_says(environment, declared, request):
    golden, now = GOLDENS / f"{environment}.json", declares(environment, declared)
    if request.config.getoption("--update-goldens"):
        golden.write_text(now)
    assert json.loads(now) == json.loads(golden.read_text()), (
        "if it is meant: pytest tests/test_goldens.py --update-goldens"
    )


def test_every_golden_has_its_environment():
    assert sorted(path.stem for path in GOLDENS.glob("*.json")) == ENVIRONMENTS
