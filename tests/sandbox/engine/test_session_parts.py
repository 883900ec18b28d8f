"""The lock, the shims, the engine's events and words, and the config that a sandbox stack reads."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sandbox_waits import eventually

from cnai.engine import Busy, EnvironmentLock, Event, Session, forget_stack
from cnai.engine.events import parse
from cnai.engine.failures import sentence
from cnai.engine.plugins import write_shims
from cnai.engine.process import Outcome, run
from cnai.engine.stackconfig import readable_config
from cnai.engine.vault import Vault, is_ours
from cnai.paths import SandboxDir

URN = "urn:pulumi:local::p::cnai:network:Istio$kubernetes:core/v1:Namespace::mesh"


def test_a_second_command_is_told_who_is_at_work(tmp_path: Path):
    directory = SandboxDir(tmp_path / "local")
    with (
        EnvironmentLock(directory, "up local"),
        pytest.raises(Busy, match=rf"`cnai up local` \(process {os.getpid()}\) is at work on local"),
        EnvironmentLock(directory, "destroy local"),
    ):
        pass


def test_the_lock_of_a_killed_command_is_free(tmp_path: Path):
    directory = SandboxDir(tmp_path / "local")
    code = (
        "import sys, os, signal; from pathlib import Path; from cnai.engine.lock import EnvironmentLock\n"
        "EnvironmentLock(Path(sys.argv[1]), 'up').__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(directory.lock)], check=False)
    assert json.loads(directory.lock.read_text())["command"] == "up", "the other process never held the lock"
    with EnvironmentLock(directory, "up"):
        pass


def test_the_engine_that_inherits_the_lock_keeps_it(tmp_path: Path):
    directory = SandboxDir(tmp_path / "local")
    with EnvironmentLock(directory, "up") as lock:
        engine = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[lock.descriptor])
    with pytest.raises(Busy, match="another command"), EnvironmentLock(directory, "up"):
        pass
    engine.communicate()
    with EnvironmentLock(directory, "up"):
        pass


def test_environments_do_not_block_each_other(tmp_path: Path):
    with EnvironmentLock(SandboxDir(tmp_path / "one"), "up"), EnvironmentLock(SandboxDir(tmp_path / "two"), "up"):
        pass


def test_shims_run_their_module_with_this_python_and_leave_no_others(tmp_path: Path):
    write_shims(tmp_path, {"pulumi-resource-old": "json.tool"})
    write_shims(tmp_path, {"pulumi-resource-new": "json.tool"})
    assert [path.name for path in tmp_path.iterdir()] == ["pulumi-resource-new"]
    done = subprocess.run([tmp_path / "pulumi-resource-new"], input="{}", capture_output=True, text=True, check=True)
    assert done.stdout == "{}\n"


def test_diagnostics_come_without_colour_codes():
    payload = {
        "message": "<{%reset%}>the <{%fg 1%}>API server\x1b[0m says no<{%reset%}>\n",
        "severity": "error",
        "urn": URN,
    }
    event = parse(json.dumps({"sequence": 1, "diagnosticEvent": payload}))
    assert event == Event("diagnostic", urn=URN, severity="error", message="the API server says no")
    assert event.label == "Namespace mesh"


@pytest.mark.parametrize(
    "payload",
    [
        {"severity": "debug"},
        {"severity": "info", "ephemeral": True},
        {
            "severity": "warning",
            "message": "using pulumi-resource-kubernetes from $PATH at /x/pulumi-resource-kubernetes",
        },
    ],
)
def test_what_the_engine_says_to_itself_is_not_shown(payload: dict[str, object]):
    assert parse(json.dumps({"diagnosticEvent": {"message": "x", **payload}})) is None


def test_the_reason_is_given_once_and_without_empty_words():
    reason = Event("diagnostic", urn=URN, severity="error", message="exceeded quota")
    empty = Event("diagnostic", severity="error", message="update failed")
    warning = Event("diagnostic", severity="warning", message="deprecated")
    assert sentence("up", Outcome(255, "", [reason, warning, reason, empty])) == "Namespace mesh: exceeded quota"


def test_what_the_engine_said_before_its_first_event_is_the_reason():
    assert sentence("up", Outcome(255, "error: no such flag\n", [])) == "no such flag"
    chatter = "Logging in using access token from X\nwarning: using pulumi-language-python from $PATH at /x\n"
    assert sentence("up", Outcome(255, f"{chatter}error: no such flag\n", [])) == "no such flag"
    assert "signal 9" in sentence("up", Outcome(-9, "", []))


DEAF_ENGINE = """
import json, os, signal, sys, threading
log = os.open(sys.argv[-1], os.O_WRONLY)
def say(text):
    os.write(log, json.dumps({"diagnosticEvent": {"message": text, "severity": "info"}}).encode() + b"\\n")
signal.signal(signal.SIGINT, lambda signum, frame: say("interrupted"))
say("ready")
threading.Event().wait()
"""


def test_a_second_interrupt_ends_an_engine_that_does_not_wind_up(tmp_path: Path):
    said: list[str] = []

    def interrupt(event: Event) -> None:
        said.append(event.message)
        os.kill(os.getpid(), signal.SIGINT)

    command = [sys.executable, "-c", DEAF_ENGINE]
    outcome = run(command, env=dict(os.environ), cwd=tmp_path, inherit=(), on_event=interrupt)
    assert (said, outcome.status, outcome.interrupted) == (["ready", "interrupted"], -signal.SIGKILL, True)


def test_an_engine_does_not_outlive_a_command_that_fails_to_show_its_events(tmp_path: Path):
    def fail(event: Event) -> None:
        raise ValueError(event.message)

    with pytest.raises(ValueError, match="ready"):
        run([sys.executable, "-c", DEAF_ENGINE], env=dict(os.environ), cwd=tmp_path, inherit=(), on_event=fail)


@pytest.fixture
def sandbox(tmp_path: Path) -> SandboxDir:
    return SandboxDir(tmp_path / ".cnai" / "prod")


def test_a_config_without_foreign_secrets_is_read_where_it_is(tmp_path: Path, sandbox: SandboxDir):
    committed = tmp_path / "Pulumi.prod.yaml"
    assert readable_config(committed, sandbox, Vault("x")) is None, "a missing file"
    committed.write_text("config:\n  cnai:pools: {a: {min: 1}}\n")
    assert readable_config(committed, sandbox, Vault("x")) is None


def test_secrets_of_a_real_environment_are_made_up_in_its_sandbox(tmp_path: Path, sandbox: SandboxDir):
    committed = tmp_path / "Pulumi.prod.yaml"
    config = {"cnai:teams": {"a": {"password": {"secure": "v1:abc"}, "size": 3}}, "cnai:list": [{"secure": "v1:def"}]}
    committed.write_text(yaml.safe_dump({"secretsprovider": "awskms://alias/x", "encryptedkey": "k", "config": config}))
    copy = readable_config(committed, sandbox, Vault("x"))
    assert copy is not None
    document = yaml.safe_load(copy.read_text())
    assert set(document) == {"config"}
    assert document["config"]["cnai:teams"]["a"]["size"] == 3
    assert is_ours(document["config"]["cnai:teams"]["a"]["password"]["secure"])
    assert is_ours(document["config"]["cnai:list"][0]["secure"])


def test_a_real_environment_keeps_the_users_own_login_and_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bundled = tmp_path / "bin"
    bundled.mkdir()
    (bundled / "pulumi-language-python").touch()
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://theirs")
    with Session("prod", tmp_path, {"pulumi": bundled / "pulumi"}, None, command="up prod") as session:
        changed = {key for key in session.env.keys() | os.environ.keys() if session.env.get(key) != os.environ.get(key)}
        assert changed <= {"PULUMI_SKIP_UPDATE_CHECK", "PULUMI_SUPPRESS_NEO_LINK"}
        with pytest.raises(Busy):
            Session("prod", tmp_path, {"pulumi": bundled / "pulumi"}, None).__enter__()


def test_forgetting_a_stack_leaves_the_others(tmp_path: Path):
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    for env in ("local", "dev"):
        (tmp_path / ".cnai" / "state" / "sandbox" / "p" / env).mkdir(parents=True)
    forget_stack(tmp_path, "local")
    assert [path.name for path in (tmp_path / ".cnai" / "state" / "sandbox" / "p").iterdir()] == ["dev"]


def test_the_interrupt_that_ends_the_language_host_does_not_reach_its_spare():
    host = [sys.executable, "-m", "cnai.engine.language", "127.0.0.1:1"]
    with subprocess.Popen(host, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert [os.getpgid(int(child)) == process.pid for child in children] == [False]
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=30)[1] == ""
    eventually(lambda: not Path("/proc", children[0]).exists(), "the spare is gone")
