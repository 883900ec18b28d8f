"""What we replay from the journal is what the engine itself would have saved."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_project import Project

from cnai.engine import EngineError, Session

pytestmark = pytest.mark.sandbox
Json = dict[str, Any]

PROVIDER = """
own = pulumi.ProviderResource("kubernetes", "own", {})
by = lambda **options: pulumi.ResourceOptions(provider=own, **options)
"""
STEPS: list[tuple[str, str]] = [
    ("up", PROVIDER + 'a = Thing("a", by())\nThing("b", by(depends_on=[a]), size=1)\nThing("c", by(parent=a))'),
    # An update, an alias, a deletion and a replacement.
    (
        "up",
        PROVIDER + 'a = Thing("a", by(), size=2)\n'
        'Thing("b", by(depends_on=[a], replace_on_changes=["size"], delete_before_replace=True), size=2)\n'
        'Thing("d", by(parent=a, aliases=[pulumi.Alias(name="c")]), called="c")',
    ),
    # A failure leaves a part undone: what came before it, and a replacement whose old half is still to be deleted.
    (
        "up",
        PROVIDER + 'a = Thing("a", by(), size=3)\n'
        'b = Thing("b", by(replace_on_changes=["size"]), called="b2", size=3)\n'
        'Thing("e", by(depends_on=[b]), fail="no")',
    ),
    ("refresh", ""),
    ("up", PROVIDER + 'Thing("a", by(), secret=pulumi.Output.secret("x"))\npulumi.export("x", 1)'),
    ("destroy", ""),
]


def test_the_journals_state_is_the_engines_own_checkpoint_after_every_step(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    journaled = history(project)
    assert (project.stack / "checkpoint.json").exists()
    for leftover in project.objects.glob("*.json"):
        leftover.unlink()
    monkeypatch.setenv("PULUMI_DISABLE_JOURNALING", "true")
    with project.session() as session:
        session.destroy(remove=True)
    assert history(project) == journaled


def history(project: Project) -> list[Json]:
    states: list[Json] = []
    with project.session() as session:
        for number, (operation, program) in enumerate(STEPS):
            step(project, session, operation, program, refreshed_away="c" if number == 3 else None)
            states.append(comparable(project.checkpoint()))
    return states


def step(project: Project, session: Session, operation: str, program: str, refreshed_away: str | None) -> None:
    if program:
        project.program(program)
    if refreshed_away:
        (project.objects / f"default.{refreshed_away}.json").unlink()
    run: Callable[[], Any] = getattr(session, operation)
    if "fail=" not in program:
        run()
        return
    with pytest.raises(EngineError, match="no"):
        run()


def comparable(deployment: Json) -> Json:
    """Without times, and without what is drawn at random: provider ids and ciphertexts."""
    text = json.dumps({key: deployment.get(key) or [] for key in ("resources", "pending_operations")})
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text)
    text = re.sub(r'"ciphertext": "[^"]*"', '"ciphertext": "C"', text)
    state: Json = json.loads(text)
    for resource in state["resources"]:
        for key in ("created", "modified"):
            resource.pop(key, None)
    state["resources"].sort(key=lambda resource: (resource["urn"], resource.get("delete", False)))
    return state


def test_a_state_can_be_exported_imported_and_renamed(project: Project, tmp_path: Path):
    project.program('Thing("a")')
    file = tmp_path / "state.json"
    with project.session() as session:
        session.up()
        assert session.pulumi(["stack", "export", "--file", str(file)]) == 0
        exported = json.loads(file.read_text())["deployment"]["resources"]
        assert [resource["urn"] for resource in exported] == [r["urn"] for r in project.checkpoint()["resources"]]
        assert session.pulumi(["stack", "import", "--file", str(file)]) == 0
        assert session.pulumi(["stack", "tag", "set", "owner", "team"]) == 0
        assert session.preview().changes == {"same": 2}
        assert session.pulumi(["stack", "rm", "--yes", "--preserve-config"]) != 0, "it still has resources"
