"""The shell in the CI templates runs: every program in it is there, and the policy step fails for what it should."""

import json
import re
import shlex
import subprocess
import sys

import pytest
from ci_templates import ROOT, TEMPLATES, scripts, steps

STAGES = ["tests", "policy", "preview", "cost"]
PROGRAMS = {"./cnai", "git", ".venv/bin/python", "tee", "true"}
"""What the templates may call: ours, and what the images that they name have."""
EACH = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
POD = """
import pulumi_kubernetes as kubernetes
kubernetes.core.v1.Pod("web", metadata={"name": "web"}, spec={"host_pid": %s, "containers": [{"name": "a"}]})
"""


@EACH
def test_the_stages_are_those_that_were_asked_for_and_each_has_its_shell(path):
    found = dict(steps(path))
    assert sorted(found) == sorted(STAGES)
    assert all(found.values())


@EACH
def test_every_script_is_shell_and_calls_only_programs_that_are_there(path):
    for script in scripts(path):
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0, script
        plain = re.sub(r'"\$\(([^)]*)\)"', r"; \1 ;", script)
        for command in re.split(r"\|\||&&|[|;\n]", plain):
            if words := shlex.split(command, comments=True):
                assert words[0] in PROGRAMS, command
                if words[0] == ".venv/bin/python":
                    assert (ROOT / words[1]).is_file(), command


@pytest.fixture
def checkout(tmp_path):
    """A project with our command in it, as the templates find it in a clone."""
    (tmp_path / "Pulumi.yaml").write_text("name: web\nruntime: python\nmain: stacks\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.prod.yaml").write_text("config: {}\n")
    (tmp_path / "cnai").write_text(f'#!/bin/sh\nexec {sys.executable} -m cnai.cli "$@"\n')
    (tmp_path / "cnai").chmod(0o755)
    return tmp_path


@EACH
@pytest.mark.parametrize("bad", [False, True], ids=["clean", "violating"])
def test_the_policy_step_leaves_sarif_behind_and_fails_for_a_violation(path, bad, checkout):
    (checkout / "stacks" / "__main__.py").write_text(POD % bad)
    policy = dict(steps(path))["policy"]
    # As each system runs them: the job ends at the first that fails; the last of ours only tells it again.
    decisive = policy if path.parent.name == "gitlab" else policy[:1]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(checkout), "ENVIRONMENT": "prod", "CNAI_PROJECT": str(checkout)}
    done = subprocess.run(["bash", "-e"], input="\n".join(decisive), cwd=checkout, env=env, text=True, check=False)
    assert (done.returncode == 1) is bad
    sarif = json.loads((checkout / "policy.sarif").read_text())
    assert sarif["version"] == "2.1.0"
    failed = {each["ruleId"] for each in sarif["runs"][0]["results"] if each.get("level") == "error"}
    assert ("hostNamespaces" in failed) is bad
