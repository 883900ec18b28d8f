"""The journal's rules, against a simple model and against hand-made journals."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai.engine.state.adopt import INTERRUPTED, Adoption, Existing, Inventory, no_inventory
from cnai.engine.state.journal import JournalError, Kind, Replay, features
from cnai.engine.vault import Vault

Json = dict[str, Any]


def urn(name: str, kind: str = "kubernetes:core/v1:ConfigMap") -> str:
    return f"urn:pulumi:local::p::{kind}::{name}"


def resource(name: str, **fields: Any) -> Json:
    kind = fields.pop("type", "kubernetes:core/v1:ConfigMap")
    return {"urn": urn(name, kind), "custom": True, "type": kind, **fields}


def entry(kind: Kind, number: int, **fields: Any) -> Json:
    return {"version": 1, "kind": int(kind), "sequenceID": number, "operationID": number, **fields}


def begin(operation: int, kind: str, state: Json) -> Json:
    return entry(Kind.BEGIN, operation, operation={"type": kind, "resource": state})


def names(deployment: Json) -> list[str]:
    return [state["urn"].rpartition("::")[2] for state in deployment.get("resources", [])]


def replayed(base: list[Json], *entries: Json) -> Json:
    replay = Replay(base={"resources": base})
    for each in entries:
        replay.add(each)
    return replay.deployment("v3.0.0")


def test_what_this_update_made_comes_before_what_it_has_not_touched():
    base = [resource("old-a"), resource("old-b")]
    state = replayed(base, entry(Kind.SUCCESS, 1, state=resource("new"), removeOld=0))
    assert names(state) == ["new", "old-b"]


def test_an_operation_without_an_end_is_pending():
    state = replayed(
        [], begin(1, "creating", resource("a")), begin(2, "creating", resource("b")), entry(Kind.FAILURE, 2)
    )
    assert [op["resource"]["urn"] for op in state["pending_operations"]] == [urn("a")]


def test_a_pending_creation_outlives_the_next_update_but_a_pending_deletion_does_not():
    operations = [{"type": kind, "resource": resource(kind)} for kind in ("creating", "deleting")]
    state = Replay(base={"pending_operations": operations}).deployment()
    assert [op["type"] for op in state["pending_operations"]] == ["creating"]


def test_a_replaced_resource_is_marked_until_its_deletion_succeeds():
    created = entry(Kind.SUCCESS, 1, state=resource("a", id="new"), deleteOld=0)
    both = replayed([resource("a", id="old")], created)
    assert [(state["id"], state.get("delete")) for state in both["resources"]] == [("new", None), ("old", True)]
    one = replayed([resource("a", id="old")], created, entry(Kind.SUCCESS, 2, removeOld=0))
    assert [state["id"] for state in one["resources"]] == ["new"]


def test_a_resource_made_and_deleted_in_one_update_is_gone():
    made = entry(Kind.SUCCESS, 1, state=resource("a"))
    assert names(replayed([], made, entry(Kind.SUCCESS, 2, removeNew=1))) == []


def test_a_refresh_drops_references_to_what_it_found_gone():
    child = resource("b", dependencies=[urn("a")], parent=urn("a"), propertyDependencies={"x": [urn("a")]})
    state = replayed([resource("a"), child], entry(Kind.REFRESH_SUCCESS, 1, removeOld=0))
    assert state["resources"] == [resource("b")]


def test_a_rebuilt_base_renumbers_what_later_entries_name():
    base = [resource("gone"), resource("kept"), resource("changed")]
    state = replayed(
        base,
        entry(Kind.REFRESH_SUCCESS, 1, removeOld=0),
        entry(Kind.REBUILT_BASE_STATE, 2),
        entry(Kind.SUCCESS, 3, removeOld=1),
    )
    assert names(state) == ["kept"]


def test_a_renamed_resource_is_known_by_its_new_name_everywhere():
    moved = resource("new", aliases=[urn("old")])
    child = resource("child", dependencies=[urn("old")], provider=f"{urn('old')}::id", parent=urn("old"))
    state = replayed([child], entry(Kind.SUCCESS, 1, state=moved))
    assert state["resources"][0] == resource("new")
    renamed = state["resources"][1]
    assert (renamed["dependencies"], renamed["provider"]) == ([urn("new")], f"{urn('new')}::id")


def test_an_entry_about_an_unknown_operation_is_refused():
    with pytest.raises(JournalError, match="names operation 7"):
        Replay().add(entry(Kind.SUCCESS, 8, removeNew=7))


@pytest.mark.parametrize(
    ("field", "feature"), [("viewOf", "views"), ("taint", "taint"), ("replaceWith", "replaceWith")]
)
def test_a_state_that_older_engines_would_misread_says_so(field: str, feature: str):
    assert features({"resources": [resource("a", **{field: ["x"]})]}) == [feature]


def test_an_interrupted_creation_of_a_kubernetes_object_enters_the_state_as_not_ready():
    wanted = resource("a", inputs={"metadata": {"name": "a", "namespace": "team"}})
    replay = Replay()
    replay.add(begin(1, "creating", wanted))
    Adoption().settle(replay)
    state = replay.deployment()
    assert "pending_operations" not in state
    assert (state["resources"][0]["id"], state["resources"][0]["initErrors"]) == ("team/a", [INTERRUPTED])


def test_an_interrupted_replacement_leaves_its_old_half_to_be_deleted():
    replay = Replay(base={"resources": [resource("a", id="old")]})
    replay.add(begin(1, "creating", resource("a", inputs={"metadata": {"name": "new"}})))
    Adoption().settle(replay)
    assert [(s["id"], s.get("delete", False)) for s in replay.deployment()["resources"]] == [
        ("new", False),
        ("old", True),
    ]


def sealed(value: Any, vault: Vault) -> Json:
    """A secret as the engine writes it."""
    text = base64.b64encode(vault.encrypt(json.dumps(value).encode())).decode()
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": text}


@pytest.mark.parametrize("whole", [True, False])
def test_an_interrupted_creation_under_a_secret_name_is_found_too(whole: bool):
    vault = Vault("a passphrase of the project")
    metadata = {"name": "a", "namespace": "team"}
    named = sealed(metadata, vault) if whole else {key: sealed(value, vault) for key, value in metadata.items()}
    replay = Replay()
    replay.add(begin(1, "creating", resource("a", inputs={"metadata": named})))
    Adoption(vault).settle(replay)
    assert [state["id"] for state in replay.deployment()["resources"]] == ["team/a"]


@pytest.mark.parametrize("vault", [None, Vault("another project's passphrase")])
def test_a_secret_name_that_cannot_be_read_leaves_the_creation_pending(vault: Vault | None):
    namespace = sealed("team", Vault("a passphrase of the project"))
    replay = Replay()
    replay.add(begin(1, "creating", resource("a", inputs={"metadata": {"name": "a", "namespace": namespace}})))
    Adoption(vault).settle(replay)
    assert len(replay.deployment()["pending_operations"]) == 1


VPC = "aws:ec2/vpc:Vpc"


def interrupted(inventory: Inventory, *base: Json) -> Json:
    replay = Replay(base={"resources": list(base)})
    replay.add(begin(1, "creating", resource("vpc", type=VPC, inputs={"cidrBlock": "10.0.0.0/16"})))
    Adoption(inventory=inventory).settle(replay)
    return replay.deployment()


def test_an_interrupted_creation_in_a_cloud_that_nobody_looks_into_stays_pending():
    assert len(interrupted(no_inventory)["pending_operations"]) == 1


def test_what_an_interrupted_creation_made_in_a_simulated_cloud_enters_the_state():
    state = interrupted(lambda token, urn: [Existing("vpc-1", {"arn": "arn:1"})])
    assert "pending_operations" not in state
    [found] = state["resources"]
    assert (found["id"], found["outputs"], found["initErrors"]) == ("vpc-1", {"arn": "arn:1"}, [INTERRUPTED])


def test_an_interrupted_creation_that_made_nothing_is_forgotten():
    assert "pending_operations" not in interrupted(lambda token, urn: [])


def test_an_interrupted_replacement_in_a_simulated_cloud_is_not_taken_for_what_it_replaces():
    old = resource("vpc", type=VPC, id="vpc-1")
    nothing_new = interrupted(lambda token, urn: [Existing("vpc-1", {})], old)
    assert [(each["id"], each.get("delete")) for each in nothing_new["resources"]] == [("vpc-1", None)]
    both = interrupted(lambda token, urn: [Existing("vpc-1", {}), Existing("vpc-2", {})], old)
    assert [(each["id"], each.get("delete")) for each in both["resources"]] == [("vpc-2", None), ("vpc-1", True)]


STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "update", "same", "delete", "fail"]), st.integers(0, 5)), max_size=25
)


@given(st.sets(st.integers(0, 5)), STEPS, st.data())
def test_any_prefix_of_any_journal_leaves_the_state_that_a_simple_model_expects(
    existing: set[int], steps: list[tuple[str, int]], data: st.DataObject
):
    entries, expected = journal_of(sorted(existing), steps)
    cut = data.draw(st.integers(0, len(entries)))
    state = replayed([resource(str(number), rev=0) for number in sorted(existing)], *entries[:cut])
    assert {s["urn"].rpartition("::")[2]: s["rev"] for s in state.get("resources", [])} == expected[cut]
    assert len(names(state)) == len(set(names(state))), "a resource is in the state twice"
    open_at_cut = cut % 2 == 1
    assert len(state.get("pending_operations", [])) == open_at_cut


def journal_of(existing: list[int], steps: list[tuple[str, int]]) -> tuple[list[Json], list[dict[str, int]]]:
    """A journal of begin/end pairs, each resource touched at most once, and the model's state at every cut."""
    model = {str(number): 0 for number in existing}
    entries, states, touched = list[Json](), [dict(model)], set[int]()
    for operation, (what, number) in enumerate(steps, start=1):
        known = number in existing
        if number in touched or (what == "create") == known or (not known and what not in ("create", "fail")):
            continue
        touched.add(number)
        old = {"removeOld": existing.index(number)} if known else {}
        state = resource(str(number), rev=operation)
        entries.append(begin(operation, "creating" if not known else "updating", state))
        states.append(dict(model))
        if what == "fail":
            entries.append(entry(Kind.FAILURE, operation))
        elif what == "delete":
            entries.append(entry(Kind.SUCCESS, operation, **old))
            del model[str(number)]
        else:
            entries.append(entry(Kind.SUCCESS, operation, state=state, **old))
            model[str(number)] = operation
        states.append(dict(model))
    return entries, states
