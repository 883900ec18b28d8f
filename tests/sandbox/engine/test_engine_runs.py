"""The real engine on a small project, through our state service, language host and plugins."""

import os
from pathlib import Path

import pytest
from engine_project import Project

from cnai.engine import EngineError, Session
from cnai.engine.events import Event

pytestmark = pytest.mark.sandbox


def test_up_makes_what_the_program_declares_and_destroy_leaves_nothing(project: Project):
    project.program('a = Thing("a")\nThing("b", after(a))\npulumi.export("name", a.id)')
    seen: list[Event] = []
    with project.session() as session:
        first = session.up(seen.append)
        assert project.existing == {"a", "b"}
        assert (first.changes, first.outputs) == ({"create": 3}, {"name": "default/a"})
        assert session.preview().changes == {"same": 3}
        session.destroy(remove=True)
    assert project.existing == set()
    assert not project.stack.exists()
    assert [event.label for event in seen if event.kind == "start" and event.op == "create"][-2:] == [
        "ConfigMap a",
        "ConfigMap b",
    ]


def test_the_pulumi_cli_itself_runs_on_the_same_stack(project: Project, capfd: pytest.CaptureFixture[str]):
    project.program('Thing("a")\nprint("said by the program")')
    with project.session() as session:
        assert session.pulumi(["up", "-s", "local", "--yes", "--skip-preview", "--non-interactive"]) == 0
        assert "said by the program" in capfd.readouterr().out
        assert session.preview().changes == {"same": 2}
        assert session.pulumi(["stack", "history"]) == 0
        assert "succeeded" in capfd.readouterr().out
    assert project.config_file.read_text() == "config: {}\n", "the committed config file was touched"


def test_a_refused_resource_fails_the_run_in_the_providers_words(project: Project):
    project.program('Thing("a", fail="the API server says no: quota exceeded")')
    with project.session() as session, pytest.raises(EngineError) as failed:
        session.up()
    assert "the API server says no: quota exceeded" in str(failed.value)
    assert "Traceback" not in str(failed.value)


def test_a_users_error_in_the_program_is_its_one_sentence(project: Project):
    project.program('from cnai.errors import UserError\nraise UserError("cnai:pools.h100: min 3 is over max 2")')
    with project.session() as session, pytest.raises(EngineError) as failed:
        session.preview()
    assert str(failed.value) == "cnai:pools.h100: min 3 is over max 2"


def test_a_mistake_in_the_program_is_shown_with_its_place(project: Project):
    project.program("\n\nundefined_name")
    with project.session() as session, pytest.raises(EngineError) as failed:
        session.preview()
    assert "undefined_name" in str(failed.value)
    assert "__main__.py" in str(failed.value)


def test_a_secret_is_nowhere_in_clear_text(project: Project, capfd: pytest.CaptureFixture[str]):
    secret = "hunter2-never-in-clear"
    project.program(
        'password = pulumi.Config().require_secret("password")\n'
        'Thing("a", password=password)\nThing("b", fail=pulumi.Output.concat("", password))\n'
        'pulumi.export("password", password)\npulumi.log.info("run")'
    )
    seen: list[Event] = []
    with project.session() as session:
        assert session.pulumi(["config", "set", "--secret", "password", secret]) == 0
        with pytest.raises(EngineError):
            session.up(seen.append)
        project.program('Thing("a", password=pulumi.Config().require_secret("password"))')
        session.up(seen.append)
        assert session.pulumi(["preview", "--diff", "--non-interactive"]) == 0
    assert secret in (project.objects / "default.a.json").read_text(), "the provider never got the secret"
    assert [str(path) for path in files_with(secret, project.root / ".cnai", project.root / "stacks")] == []
    told = [event.message for event in seen]
    assert secret not in f"{told} {capfd.readouterr()}"


def files_with(text: str, *folders: Path) -> list[Path]:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if text.encode() in path.read_bytes()]


def test_only_the_user_can_read_the_passphrase(project: Project):
    project.program("")
    with project.session() as session:
        session.outputs()
    assert (project.root / ".cnai" / "passphrase").stat().st_mode & 0o777 == 0o600


def test_a_policy_pack_refuses_what_it_forbids(project: Project, capfd: pytest.CaptureFixture[str]):
    pack = project.root / "policies"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    (pack / "__main__.py").write_text(PACK)
    project.program('Thing("forbidden")')
    with project.session() as session:
        assert session.pulumi(["preview", "--policy-pack", str(pack), "--non-interactive"]) != 0
        assert "forbidden is not a good name" in "".join(capfd.readouterr())
        project.program('Thing("allowed")')
        assert session.pulumi(["preview", "--policy-pack", str(pack), "--non-interactive"]) == 0


PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

def validate(args, report_violation):
    if args.name == "forbidden":
        report_violation(f"{args.name} is not a good name")

names = ResourceValidationPolicy(name="names", description="Good names.", validate=validate)
PolicyPack(name="small-pack", enforcement_level=EnforcementLevel.MANDATORY, policies=[names])
"""


def test_a_real_environments_secrets_get_a_made_up_value_in_its_sandbox(project: Project):
    foreign = "encryptionsalt: v1:abc\nconfig:\n  small:password:\n    secure: v1:other-passphrase\n"
    project.config_file.write_text(foreign)
    project.program('pulumi.export("length", pulumi.Output.unsecret(pulumi.Config().require_secret("password")))')
    with project.session() as session:
        assert session.up().outputs == {"length": "sandbox-placeholder"}
    assert project.config_file.read_text() == foreign


def test_whoever_lacks_the_sessions_token_is_refused(project: Project):
    project.program("")
    with project.session() as session:
        for token in ("", "wrong"):
            env = session.env | {"PULUMI_ACCESS_TOKEN": token or "x"}
            done = os.spawnve(os.P_WAIT, project.pulumi, ["pulumi", "stack", "ls"], env)
            assert done != 0


def test_a_real_environment_runs_on_the_users_own_backend(project: Project, monkeypatch: pytest.MonkeyPatch):
    theirs = project.root / "their-state"
    theirs.mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", theirs.as_uri())
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "theirs")
    monkeypatch.setenv("PULUMI_HOME", str(project.root / "their-home"))
    project.program('pulumi.export("place", "theirs")')
    with Session("local", project.root, {"pulumi": project.pulumi}, None) as session:
        assert session.up().outputs == {"place": "theirs"}
        session.destroy(remove=True)
    assert list(theirs.rglob("history/**/local")), "their backend has no history of the stack"
    assert project.config_file.exists()
    assert not project.stack.exists()
