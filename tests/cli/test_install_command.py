"""What an environment's cloud needs of Python is installed when a command needs it, or told in one sentence."""

import sys
import tomllib
from pathlib import Path

import pytest

from cnai.cli import app, installing
from cnai.cli.console import ExitCode
from cnai.cli.installing import cloud_of, provide
from cnai.clouds.build import build_cluster
from cnai.clouds.extras import demand, extras, needed
from cnai.errors import FailedError, UserError

ROOT = Path(__file__).resolve().parents[2]


def names(cloud, simulated):
    return [extra.name for extra in needed(cloud, simulated=simulated)]


def test_local_and_an_existing_cluster_need_nothing_more_than_the_base():
    assert names("local", True) == names("onprem", True) == names("", True) == []


def test_a_real_cloud_needs_its_sdk_and_aws_simulated_what_behaves_like_it():
    assert (names("aws", False), names("gcp", False), names("azure", False)) == (["aws"], ["gcp"], ["azure"])
    assert (names("aws", True), names("gcp", True), names("azure", True)) == (["aws", "sandbox"], ["gcp"], ["azure"])


def test_every_extra_is_one_of_the_distribution():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {extra.name for extra in extras()} <= set(declared)


@pytest.mark.parametrize("config", [{}, {"cnai:cloud": 5}, {"cnai:cloud": {}}, {"cnai:cloud": {"aws": {}, "gcp": {}}}])
def test_a_stack_file_that_names_no_one_cloud_needs_nothing_and_is_refused_later(config):
    assert cloud_of(config) == ""


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setattr("cnai.clouds.extras.find_spec", lambda name: None)


def test_in_somebody_else_s_environment_the_sentence_names_both_ways_to_install(absent):
    with pytest.raises(UserError, match=r"need pulumi_aws, boto3, .*`./cnai install aws`.*cnai\[aws\]"):
        demand(needed("aws", simulated=False), "aws")


def test_an_official_pulumi_is_told_what_installs_the_sdk_instead_of_a_traceback(absent):
    with pytest.raises(UserError, match=r"`./cnai install gcp`"):
        build_cluster("gcp", "cluster", environment="prod", settings=None, pools={})


def test_outside_a_clone_s_own_environment_nothing_is_installed(absent, monkeypatch):
    monkeypatch.setattr(installing, "bootstrap", lambda parts: pytest.fail("installed into somebody's environment"))
    monkeypatch.setattr(sys, "prefix", "/somewhere/else")
    with pytest.raises(UserError, match="pulumi_azure_native"):
        provide("azure", simulated=True)


class Clone:
    """A clone whose `.venv` was made from some of its locks; its bootstrap keeps what it is asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("requirements", ".venv/made-from"):
            (root / folder).mkdir(parents=True)
        for part in ("aws", "sandbox", "dev"):
            (root / "requirements" / f"{part}.lock").write_text(f"# {part}\n")
        (root / "cnai").write_text(f'#!/bin/sh\necho "$CNAI_PARTS" >>{root}/asked\n')
        (root / "cnai").chmod(0o755)

    def made_from(self, part: str, text: str = "") -> None:
        (self.root / ".venv" / "made-from" / f"{part}.lock").write_text(text or f"# {part}\n")

    @property
    def asked(self) -> list[str]:
        file = self.root / "asked"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def clone(tmp_path, monkeypatch):
    made = Clone(tmp_path)
    monkeypatch.setattr(installing, "CHECKOUT", tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    return made


def test_what_is_missing_is_installed_by_the_clone_s_bootstrap(clone):
    provide("aws", simulated=True)
    assert clone.asked == ["aws sandbox"]


def test_what_is_there_is_not_installed_again_until_its_lock_changes(clone):
    clone.made_from("aws")
    clone.made_from("sandbox", "# older\n")
    provide("aws", simulated=True)
    assert clone.asked == ["sandbox"]


def test_what_tests_need_holds_every_cloud_s_part(clone):
    clone.made_from("dev")
    provide("aws", simulated=True)
    assert clone.asked == []


def test_an_installation_that_fails_ends_the_command(clone):
    (clone.root / "cnai").write_text("#!/bin/sh\nexit 2\n")
    with pytest.raises(FailedError, match="could not be installed"):
        provide("aws", simulated=False)


def test_install_takes_environments_and_clouds(monkeypatch):
    asked = []
    monkeypatch.setattr(installing, "provide", lambda cloud, *, simulated: asked.append((cloud, simulated)))
    monkeypatch.setenv("CNAI_PROJECT", str(ROOT))
    assert app.run(["install", "gcp-prod", "aws"]) == ExitCode.DONE
    assert asked == [("gcp", True), ("aws", True)]


def test_install_of_what_is_neither_says_what_there_is(monkeypatch, capsys):
    monkeypatch.setenv("CNAI_PROJECT", str(ROOT))
    assert app.run(["install", "nowhere"]) == ExitCode.WRONG_INPUT
    assert "no environment 'nowhere'" in capsys.readouterr().err
