"""Arguments, exit codes and the sentences for bad input."""

import errno
import json
import socket
import subprocess

import pytest

from cnai.cli import app, initialise, passthrough, testing
from cnai.cli.console import ExitCode
from cnai.cli.testing import TIERS
from cnai.errors import FailedError, UserError


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
    assert "existing: dev" in said
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


@pytest.mark.parametrize("cloud", ["5", "local", "[local]", "{}", "null"])
def test_a_cloud_that_is_none_is_told_by_its_key_and_not_by_a_picture(project, capsys, cloud):
    write_stack(project, f"config: {{'cnai:cloud': {cloud}}}")
    assert app.run(["preview", "local"]) == ExitCode.WRONG_INPUT
    assert "cnai:cloud: " in capsys.readouterr().err


def test_a_stack_file_that_is_no_text_is_a_sentence(project, capsys):
    (project / "stacks" / "Pulumi.local.yaml").write_bytes(b"\xff\xfe")
    assert app.run(["preview", "local"]) == ExitCode.WRONG_INPUT
    assert "stacks/Pulumi.local.yaml: not UTF-8" in capsys.readouterr().err


@pytest.fixture
def pytest_runs(monkeypatch):
    """The command lines of what `cnai test` starts; all of it passes, and neither tools nor workloads can be had."""
    started = []

    def unreachable(*_):
        raise UserError("out of reach")

    def passes(command, **_):
        started.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(testing, "tools", unreachable)
    monkeypatch.setattr(testing.workloads, "python", unreachable)
    monkeypatch.setattr(testing.subprocess, "run", passes)
    return started


def test_tests_that_need_no_engine_run_without_one_and_what_was_left_out_has_not_passed(project, capsys, pytest_runs):
    assert app.run(["test"]) == ExitCode.FAILED
    assert [command[3:5] for command in pytest_runs] == [["-m", TIERS["unit"]], ["-m", "reference"]]
    said = capsys.readouterr().err
    assert "out of reach" in said
    assert "left out sandbox" in said
    assert "left out workloads" in said
    assert app.run(["test", "unit"]) == ExitCode.DONE


@pytest.fixture
def tools_made(monkeypatch):
    """What is asked of the toolchain; all of it can be had, and beyond the base set there is one tool, not made yet."""
    asked = []

    def names(tier=None):
        return {"": ("etcd",), "controllers": ("katib-controller",)}.get(tier, ())

    monkeypatch.setattr(testing, "tools", lambda _, wanted: asked.extend(wanted))
    monkeypatch.setattr("cnai.toolchain.tool_names", names)
    monkeypatch.setattr("cnai.toolchain.missing", lambda wanted: [name for name in wanted if name not in asked])
    return asked


def test_a_run_of_all_tests_makes_the_base_set_and_names_the_tier_that_needs_more(
    project, capsys, pytest_runs, tools_made
):
    assert app.run(["test"]) == ExitCode.FAILED  # of the workloads, which cannot be had here
    assert [command[4] for command in pytest_runs] == [TIERS["unit"], "reference", "sandbox"]
    assert "katib-controller" not in tools_made
    assert "left out controllers: katib-controller not in the cache" in capsys.readouterr().err


def test_the_tier_of_controllers_makes_what_it_needs_and_runs_with_all_tests_then(project, pytest_runs, tools_made):
    assert app.run(["test", "controllers"]) == ExitCode.DONE
    assert tools_made == ["etcd", "kubectl", "katib-controller"]
    app.run(["test"])
    assert [command[4] for command in pytest_runs] == [
        "controllers",
        *(TIERS["unit"], "reference", "sandbox", "controllers"),
    ]


def test_init_asks_again_for_what_is_no_number(monkeypatch):
    answers = iter(["many", "3"])
    monkeypatch.setattr("typer._click.termui.visible_prompt_func", lambda _: next(answers))
    assert initialise.asker(interactive=True)("Most nodes", None, 2) == 3


def test_what_fails_through_no_fault_of_the_input_ends_with_1(project, capsys, monkeypatch):
    def broken(*_, **__):
        raise FailedError("the API server is not ready after 120 s")

    write_stack(project, "config: {}")
    monkeypatch.setattr("cnai.cli.lifecycle.Target.of", broken)
    assert app.run(["status", "local"]) == ExitCode.FAILED
    assert "not ready after 120 s" in capsys.readouterr().err


def test_a_bad_name_is_refused_before_any_question(project, monkeypatch):
    monkeypatch.setattr(initialise, "asker", lambda **_: pytest.fail("asked"))
    with pytest.raises(UserError, match="'Bad_Name' is not a valid environment name"):
        initialise.initialise("Bad_Name")


def test_kubectl_on_a_stopped_sandbox_says_how_to_start_it(project, capsys, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    kubeconfig = project / ".cnai" / "local" / "kubeconfig"
    kubeconfig.parent.mkdir(parents=True)
    cluster = {"name": "c", "cluster": {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    document = {"clusters": [cluster], "contexts": [context], "users": [{"name": "u", "user": {}}]}
    kubeconfig.write_text(json.dumps(document | {"apiVersion": "v1", "kind": "Config", "current-context": "x"}))
    monkeypatch.setattr(passthrough, "tools", lambda *_: {"kubectl": "false"})
    assert app.run(["kubectl", "get", "pods"]) == 1
    assert "`./cnai sandbox start local`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cloud", "settings"),
    [
        ("aws", ["region=us-east-1"]),
        ("gcp", ["region=us-central1", "project=acme-ai", "project_number=123"]),
        ("onprem", ["context=lab"]),
    ],
)
def test_init_writes_an_environment_of_any_cloud(project, cloud, settings):
    words = [word for setting in settings for word in ("--set", setting)]
    assert app.run(["init", "new", "--cloud", cloud, *words, "--accelerator", "H100", "--yes"]) == ExitCode.DONE
    assert (project / "stacks" / "Pulumi.new.yaml").is_file()


@pytest.mark.parametrize("words", [["--cloud", "aws"], ["--cloud", "moon"], ["--cloud", "aws", "--set", "region"]])
def test_init_says_what_a_cloud_needs(project, capsys, words):
    assert app.run(["init", "new", *words, "--yes"]) == ExitCode.WRONG_INPUT
    said = capsys.readouterr().err
    assert "aws needs region" in said or "no cloud 'moon'" in said or "write key=value" in said
    assert not (project / "stacks" / "Pulumi.new.yaml").exists()


def test_the_tier_of_controllers_says_so_where_it_has_no_tool(project, capsys, pytest_runs, monkeypatch):
    monkeypatch.setattr("cnai.toolchain.tool_names", lambda tier=None: ())
    assert app.run(["test", "controllers"]) == ExitCode.DONE
    assert pytest_runs == []
    assert "has no tests yet" in capsys.readouterr().err
