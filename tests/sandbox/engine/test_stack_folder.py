"""What a crash at any point leaves of a stack on disk."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai.engine.state.journal import Kind
from cnai.engine.state.stacks import ORG, Stacks
from cnai.engine.state.store import StackFolder, StackName, append_batch, read_batches
from cnai.engine.state.updates import ConflictError, Updates
from cnai.errors import UserError

Json = dict[str, Any]
NAME = {"org": ORG, "project": "p", "stack": "local"}
URN = "urn:pulumi:local::p::t:m:T::"


def made(operation: int) -> Json:
    state = {"urn": f"{URN}{operation}", "custom": True, "type": "t:m:T"}
    return {"kind": int(Kind.SUCCESS), "sequenceID": operation, "operationID": operation, "state": state}


@pytest.fixture
def updates() -> Updates:
    return Updates()


@pytest.fixture
def stacks(tmp_path: Path, updates: Updates) -> Stacks:
    store = Stacks(tmp_path, updates)
    store.create(NAME, {})
    return store


def resources(stacks: Stacks) -> list[str]:
    exported = stacks.export(NAME, "http://127.0.0.1:1")["deployment"]
    return [state["urn"].removeprefix(URN) for state in exported.get("resources", [])]


def test_what_an_unfinished_update_journaled_is_there_for_the_next_process(
    tmp_path: Path, stacks: Stacks, updates: Updates
):
    update = updates.create(stacks.find(NAME), "update", {})
    updates.start(update, None, "v3.0.0")
    updates.append(update, [made(1), made(2)])
    # The process ends here: nobody completes the update, and the kernel frees its lock.
    assert update.lock is not None
    update.stack.path.joinpath("update.lock").unlink()
    after = Stacks(tmp_path, Updates())
    assert resources(after) == ["1", "2"]
    assert not list(tmp_path.rglob("journal-*"))


def test_a_journal_is_never_applied_to_a_checkpoint_that_holds_it_already(stacks: Stacks, updates: Updates):
    update = updates.create(stacks.find(NAME), "update", {})
    updates.start(update, None, "v3.0.0")
    updates.append(update, [made(1)])
    journal = update.stack.journal_path(0)
    kept = journal.read_bytes()
    updates.complete(update, "succeeded")
    # As if the process had died between writing the checkpoint and removing the journal.
    journal.write_bytes(kept)
    assert resources(stacks) == ["1"]


def test_a_batch_that_the_engine_sends_again_counts_once(stacks: Stacks, updates: Updates):
    update = updates.create(stacks.find(NAME), "update", {})
    updates.start(update, None, "v3.0.0")
    updates.append(update, [made(1)])
    updates.append(update, [made(1), made(2)])
    updates.complete(update, "succeeded")
    assert resources(stacks) == ["1", "2"]


def test_a_running_updates_state_can_be_read_but_not_written_by_another(
    tmp_path: Path, stacks: Stacks, updates: Updates
):
    update = updates.create(stacks.find(NAME), "update", {})
    updates.start(update, None, "v3.0.0")
    updates.append(update, [made(1)])
    others = Updates()
    other = Stacks(tmp_path, others)
    assert resources(other) == ["1"]
    with pytest.raises(ConflictError, match="in progress"):
        others.start(others.create(other.find(NAME), "update", {}), None, "v3.0.0")
    with pytest.raises(ConflictError, match="in progress"):
        other.delete(NAME, force=True)
    updates.append(update, [made(2)])
    updates.complete(update, "succeeded")
    assert resources(other) == ["1", "2"]


def test_previews_lock_nothing(stacks: Stacks, updates: Updates):
    updates.start(updates.create(stacks.find(NAME), "update", {}), None, "v3.0.0")
    updates.start(updates.create(stacks.find(NAME), "preview", {}), None, "v3.0.0")
    updates.start(updates.create(stacks.find(NAME), "refresh", {"options": {"dryRun": True}}), None, "v3.0.0")


@given(st.lists(st.lists(st.integers(), max_size=4), max_size=6), st.data())
def test_a_journal_cut_anywhere_keeps_every_whole_batch(batches: list[list[int]], data: st.DataObject):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        with path.open("ab", buffering=0) as file:
            ends = [0]
            for batch in batches:
                append_batch(file, [{"n": number} for number in batch])
                ends.append(file.tell())
        cut = data.draw(st.integers(0, ends[-1]))
        path.write_bytes(path.read_bytes()[:cut])
        whole = sum(1 for end in ends[1:] if end <= cut)
        assert [[each["n"] for each in batch] for batch in read_batches(path)] == batches[:whole]


@pytest.mark.parametrize("text", ["{", "[]", "null"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, text: str):
    (tmp_path / "checkpoint.json").write_text(text)
    with pytest.raises(UserError, match=r"checkpoint\.json is damaged"):
        StackFolder(tmp_path).checkpoint()


def test_a_damaged_line_of_a_journal_is_told_rather_than_left_out(tmp_path: Path):
    (tmp_path / "journal-0.jsonl").write_bytes(b"garbage\n[]\n")
    with pytest.raises(UserError, match=r"journal-0\.jsonl is damaged"):
        StackFolder(tmp_path).replayed()


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden"])
def test_a_stacks_name_cannot_lead_out_of_the_store(name: str):
    with pytest.raises(UserError, match="cannot be part of a stack's name"):
        StackName(ORG, "p", name)


def test_the_secrets_provider_is_where_the_service_is_today(stacks: Stacks):
    provider = {"type": "service", "state": {"url": "http://127.0.0.1:1", "stack": "local"}}
    stacks.import_(NAME, {"version": 3, "deployment": {"secrets_providers": provider}})
    exported = stacks.export(NAME, "http://127.0.0.1:2")["deployment"]
    assert exported["secrets_providers"]["state"]["url"] == "http://127.0.0.1:2"


def test_events_leave_nothing_but_the_count(stacks: Stacks, updates: Updates, tmp_path: Path):
    update = updates.create(stacks.find(NAME), "update", {})
    updates.start(update, None, "v3.0.0")
    update.changes = {"create": 1}
    updates.complete(update, "succeeded")
    (done,) = [json.loads(line) for line in (update.stack.path / "history.jsonl").read_text().splitlines()]
    assert (done["version"], done["result"], done["resourceChanges"]) == (1, "succeeded", {"create": 1})
