"""Arguments, exit codes and the sentences for bad input."""

import errno
import json

import pytest

from cnai.cli import app, passthrough, testing
from cnai.cli.console import ExitCode


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "Pulumi.yaml").write_text("name: cnai\nruntime: python\n")
    (tmp_path / "stacks").mkdir()
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path))
    return tmp_path


def write_stack(project, text, env="local"):
    (project / "stacks" / f"Pulumi.{env}.yaml").write_text(text)


def test_an_unknown_environment_is_named_with_those_that_exist(project, capsys):
    write_stack(project, "config: {}", "dev")
    assert app.run(["preview", "prod"]) == ExitCode.WRONG_INPUT
    said = capsys.readouterr().err
    assert "no environment 'prod'" in said
    assert "there are: dev" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("text", ["a: [", "- 1", "config: 3"])
def test_a_stack_file_that_is_no_mapping_is_refused_in_one_sentence(project, capsys, text):
    write_stack(project, text)
    assert app.run(["up", "local"]) == ExitCode.WRONG_INPUT
    said = capsys.readouterr().err
    assert "stacks/Pulumi.local.yaml" in said
    assert "Traceback" not in said


def test_a_wrong_environment_is_refused_before_any_tool_is_fetched(project, capsys, monkeypatch):
    monkeypatch.setattr("cnai.cli.target.tools", lambda *_: pytest.fail("asked for tools"))
    write_stack(project, "config: {'cnai:cloud': {local: {}}, 'cnai:pools': {a: {accelerator: H900}}}")
    assert app.run(["up", "local"]) == ExitCode.WRONG_INPUT
    assert "cnai:pools.a" in capsys.readouterr().err


def test_an_unknown_command_is_wrong_input(capsys):
    assert app.run(["no-such-thing"]) == ExitCode.WRONG_INPUT
    assert "no-such-thing" in capsys.readouterr().err


def test_an_unknown_benchmark_is_named_with_those_that_exist(project, capsys):
    (project / "benchmarks").mkdir()
    (project / "benchmarks" / "provision.py").write_text("")
    assert app.run(["bench", "speed"]) == ExitCode.WRONG_INPUT
    assert "there are provision" in capsys.readouterr().err


def test_kubectl_before_a_control_plane_exists_says_what_makes_one(project, capsys):
    assert app.run(["kubectl", "get", "pods"]) == ExitCode.WRONG_INPUT
    assert "./cnai up local" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "stack"),
    [
        (["up", "-s", "dev"], "dev"),
        (["--stack=x", "up"], "x"),
        (["up", "--stack", "y"], "y"),
        (["up"], None),
        (["-s"], None),
    ],
)
def test_the_stack_that_pulumi_is_asked_for_is_found_in_its_own_flags(arguments, stack):
    assert passthrough.stack_argument(arguments) == stack


@pytest.mark.parametrize(
    ("tier", "selection", "arguments"),
    [("", "", ["-x"]), ("sandbox", "sandbox", ["-x"]), ("tests/cli", "", ["tests/cli", "-x"])],
)
def test_a_first_word_that_is_no_tier_goes_to_pytest(tier, selection, arguments):
    assert testing.chosen(tier, ["-x"]) == (selection, arguments)


def test_init_writes_a_file_that_validates_and_never_overwrites_one(project, capsys):
    assert app.run(["init", "staging", "--accelerator", "H100", "--team", "chat", "--yes"]) == ExitCode.DONE
    text = (project / "stacks" / "Pulumi.staging.yaml").read_text()
    assert "accelerator: H100" in text
    assert app.run(["init", "staging", "--yes"]) == ExitCode.WRONG_INPUT
    assert (project / "stacks" / "Pulumi.staging.yaml").read_text() == text


def test_init_with_something_that_up_would_refuse_writes_nothing(project, capsys):
    assert app.run(["init", "staging", "--accelerator", "H900", "--yes"]) == ExitCode.WRONG_INPUT
    assert "H900" in capsys.readouterr().err
    assert not (project / "stacks" / "Pulumi.staging.yaml").exists()


def test_doctor_tells_scripts_in_json(capsys):
    app.run(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert {"pulumi", "kube-apiserver", "helm"} <= {tool["name"] for tool in told["tools"]}


def test_a_full_disk_is_a_sentence_and_no_traceback(project, capsys, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "/x/lock")

    monkeypatch.setattr("cnai.cli.initialise.write", full)
    assert app.run(["init", "staging", "--yes"]) == ExitCode.FAILED
    assert capsys.readouterr().err == "error: No space left on device: /x/lock\n"


def test_a_job_is_followed_for_some_time_or_not_at_all(project, capsys):
    assert app.run(["train", "examples/chatbot", "--timeout", "0"]) == ExitCode.WRONG_INPUT
    assert "--timeout" in capsys.readouterr().err


def test_the_status_of_what_does_not_run_is_json_where_a_script_asked_for_it(project, capsys, monkeypatch):
    monkeypatch.setattr("cnai.cli.target.tools", lambda *_: {})
    write_stack(project, "config: {'cnai:cloud': {local: {}}, 'cnai:pools': {system: {machine: cpu-8}}}")
    assert app.run(["status", "local", "--json"]) == ExitCode.FAILED
    assert json.loads(capsys.readouterr().out) == {"control_plane": "absent", "ready": False}
