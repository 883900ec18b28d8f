"""The pack in the real engine: what breaks a mandatory rule is not created, and what has a safe fix is fixed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from engine_project import Project
from objects_shim import with_objects_plugin

from cnai.policy.config import document
from cnai.policy.exceptions import Exemption
from cnai.policy.model import Level
from cnai.policy.packs import packs
from cnai.toolchain import ensure
from pod_samples import GOOD, PLAIN, changed

pytestmark = pytest.mark.sandbox
PACK = Path(__file__).resolve().parents[3] / "policies"
SECRET = "hunter2-of-the-test"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path / "small", ensure(["pulumi"], print)["pulumi"].path)
    (made.root / "stacks").mkdir(parents=True)
    made.objects.mkdir()
    project_file = {"name": "small", "runtime": "python", "main": "stacks", "stackConfigDir": "stacks"}
    (made.root / "Pulumi.yaml").write_text(yaml.safe_dump(project_file))
    made.config_file.write_text("config: {}\n")
    monkeypatch.setenv("OBJECTS", str(made.objects))
    monkeypatch.setattr("cnai.engine.surroundings.write_shims", with_objects_plugin)
    return made


def pulumi(
    project: Project, command: str, settings: dict[str, Any] | None, capfd: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """The engine's exit status, and all that its user reads."""
    arguments = [command, "--policy-pack", str(PACK), "--non-interactive", "--color", "never"]
    if settings is not None:
        path = project.root / "policy.json"
        path.write_text(json.dumps(settings))
        arguments += ["--policy-pack-config", str(path)]
    with project.session() as session:
        status = session.pulumi([*arguments, *(["--yes"] if command == "up" else [])])
    return status, "".join(capfd.readouterr())


def only(levels: dict[str, Level], exceptions: Sequence[Exemption] = ()) -> dict[str, Any]:
    """The pod security packs, and no other that may have something to say."""
    others = {name: Level.DISABLED for name in packs() if not name.startswith("pod-security")}
    return document({**others, **levels}, exceptions)


def pods(**named: dict[str, Any]) -> str:
    """A program that declares pods; `secret` and `unknown` are at its hand."""
    lines = [f"secret = pulumi.Output.secret({SECRET!r})", 'first = Thing("first")',
             'unknown = first.id.apply(lambda _: "Unmasked")']  # fmt: skip
    for name, pod in named.items():
        text = repr({"spec": pod["spec"]}).replace("'<secret>'", "secret").replace("'<unknown>'", "unknown")
        lines.append(f'Thing({name!r}, kind="core/v1:Pod", **{text})')
    return "\n".join(lines)


def container(**context: Any) -> dict[str, Any]:
    return changed(PLAIN, {"spec.containers.0.securityContext": context})


def test_a_violating_program_is_refused_in_the_rules_words_and_nothing_is_created(project: Project, capfd):
    project.program(pods(good=PLAIN, bad=container(privileged=True)))
    status, told = pulumi(project, "up", None, capfd)
    assert status != 0
    assert "[privileged] container main must leave securityContext.privileged out" in told
    assert "request only the device or capability needed" in told
    assert project.existing == set()
    project.program(pods(good=PLAIN))
    status, told = pulumi(project, "up", only({}), capfd)
    assert status == 0, told
    assert project.existing == {"first", "good"}


def test_levels_and_exceptions_come_from_the_environment(project: Project, capfd):
    project.program(pods(bad=container(privileged=True)))
    status, told = pulumi(project, "preview", only({"privileged": Level.ADVISORY}), capfd)
    assert (status, "[privileged]" in told) == (0, True)
    words = {"rule": "privileged", "resource": "Pod/default/bad", "reason": "r", "owner": "platform"}
    lasting = Exemption.of({**words, "expires": "2999-01-01"})
    status, told = pulumi(project, "preview", only({}, [lasting]), capfd)
    assert (status, "[privileged]" in told) == (0, False), told
    over = Exemption.of({**words, "expires": "2020-01-01"})
    status, told = pulumi(project, "preview", only({}, [over]), capfd)
    assert status != 0
    assert "the exception of platform for Pod/default/bad expired on 2020-01-01" in told
    assert "[privileged] container main must" in told


def test_an_unknown_value_is_told_and_stops_nothing_but_a_violation_beside_it_does(project: Project, capfd):
    project.program(pods(maybe=container(procMount="<unknown>")))
    status, told = pulumi(project, "preview", only({}), capfd)
    assert status == 0, told
    assert "[procMount] undecided: container main must leave securityContext.procMount out" in told
    project.program(pods(maybe=container(procMount="<unknown>", privileged=True)))
    status, told = pulumi(project, "preview", only({}), capfd)
    assert status != 0
    assert "[privileged]" in told


def test_what_was_unknown_is_refused_once_it_is_known(project: Project, capfd):
    project.program(pods(maybe=container(procMount="<unknown>")))
    status, told = pulumi(project, "up", only({}), capfd)
    assert status != 0
    assert "[procMount] container main must" in told
    assert "maybe" not in project.existing


def test_a_secret_never_shows_in_what_a_rule_says(project: Project, capfd):
    project.program(pods(bad=container(procMount="<secret>")))
    status, told = pulumi(project, "preview", only({}), capfd)
    assert status != 0
    assert "[procMount]" in told
    assert SECRET not in told


def test_safe_fixes_of_one_resource_are_applied_together(project: Project, capfd):
    changes = {
        "spec.securityContext.seccompProfile": ...,
        "spec.containers.0.securityContext.allowPrivilegeEscalation": ...,
        "spec.containers.0.env": [{"name": "TOKEN", "value": "<secret>"}],
    }
    bare = changed(GOOD, changes)
    project.program(pods(mended=bare))
    status, told = pulumi(project, "up", only({"pod-security-restricted": Level.REMEDIATE}), capfd)
    assert status == 0, told
    made = json.loads((project.objects / "default.mended.json").read_text())
    (first, *_), (init,) = made["spec"]["containers"], made["spec"]["initContainers"]
    assert first["securityContext"]["allowPrivilegeEscalation"] is False
    assert init["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert SECRET not in project.checkpoint().__repr__(), "the fix took the mark off a secret"
