"""Input that nobody meant: each ends with a line that says what is wrong, quotes no value, and is never a pass."""

import json
import os

import pytest

from cnai.cli import app
from cnai.cli.console import ExitCode
from cnai.errors import UserError
from cnai.policy.reading import read

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {hostPID: true, containers: []}\n"
HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
SECRET = "hunter2"


def laughs(first: str) -> str:
    lines = [f"a: &a [{', '.join([first] * 10)}]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    return "\n".join(lines) + "\n"


EMPTY = {
    "nothing": "",
    "spaces": " \n \n",
    "a comment": "# x\n",
    "separators": "---\n---\n",
    "null": "~\n",
    "no list": "[]",
}
UNREADABLE = {
    "bytes": (bytes(range(256)), "not UTF-8 text"),
    "UTF-16": (POD.encode("utf-16"), "not UTF-8 text"),
    "UTF-16 without a mark": (POD.encode("utf-16-le"), "unacceptable character"),
    "Latin 1": (b"a: \xe9\n", "not UTF-8 text (byte 3)"),
    "an alias of itself": (f"{HEAD}data: &d {{x: *d}}\n", "refers to a value that contains it"),
    "a list of itself": ("&a [*a]\n", "refers to a value"),
    "a List of itself": (
        "apiVersion: v1\nkind: List\nitems: &i [{apiVersion: v1, kind: List, items: *i}]\n",
        "refers to a value",
    ),
    "a billion laughs": (laughs("x") + HEAD + "data: *i\n", "its aliases expand"),
    "a billion Pods": (
        laughs("{apiVersion: v1, kind: Pod}") + "apiVersion: v1\nkind: List\nitems: *i\n",
        "its aliases expand",
    ),
    "a chain of aliases": ("a0: &a0 x\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 2000)), "too deeply"),
    "deep lists": ("- " * 100_000 + "x", "too deeply"),
    "deep keys": ("? " * 100_000 + "x", "too deeply"),
    "deep JSON": ("[" * 700 + "]" * 700, "too deeply"),
    "deep mappings": ("\n".join("  " * level + "a:" for level in range(2000)), "too deeply"),
    "a number": ("42", "not a Kubernetes object"),
    "numbers": ("[1, 2]", "not a Kubernetes object"),
    "a huge number": (f"{HEAD}data: {{x: {'9' * 5000}}}\n", "too many digits"),
    "half a document": ('{"apiVersion": "v1",', "not valid YAML"),
    "a tag of Python": (f"{HEAD}data: !!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
    "a truth value that is none": (f"{HEAD}data: {{x: !!bool {SECRET}}}\n", "does not match its tag"),
    "a number that is none": (f"{HEAD}data: {{x: !!int {SECRET}}}\n", "does not match its tag"),
    "a time that is none": (f"{HEAD}data: {{x: !!timestamp {SECRET}}}\n", "does not match its tag"),
    "an alias of nothing": ("a: *b\n", "undefined alias"),
    "a kind that is none": ("apiVersion: [v1]\nkind: {}\n", "needs apiVersion and kind"),
    "a List of a number": ("apiVersion: v1\nkind: List\nitems: 5\n", "`items` must be a list"),
    "a preview of words": (json.dumps({"steps": [{"newState": {}}, {"newState": 5}]}), "no URN"),
    "inputs that are a list": (
        json.dumps({"steps": [{"newState": {"urn": "a::b", "inputs": ["x"]}}]}),
        "inputs are not a map",
    ),
    "a stack of words": (json.dumps({"deployment": {"resources": "no"}}), "no URN"),
}
TWICE = {
    "YAML": f"{HEAD}data: {{}}\nimmutable: true\nimmutable: false\n",
    "YAML with an alias": f"{HEAD}data: &d {{}}\nimmutable: true\nimmutable: false\n",
    "JSON": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "immutable": true, "immutable": false}',
}


def reading(folder, content):
    path = folder / "given.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read([str(path)], pytest.fail, pytest.fail)


@pytest.mark.parametrize("content", EMPTY.values(), ids=EMPTY)
def test_a_file_that_is_named_and_has_nothing_in_it_is_no_pass(tmp_path, content):
    (problem,) = reading(tmp_path, content).problems
    assert problem.reason == "it has no object"


@pytest.mark.parametrize(("content", "told"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_told_and_quotes_no_value(tmp_path, content, told):
    found = reading(tmp_path, content)
    assert not found.resources
    assert told in found.problems[0].reason
    assert not [each for each in found.problems if SECRET in each.reason or "\n" in each.reason]


@pytest.mark.parametrize("text", TWICE.values(), ids=TWICE)
def test_a_key_that_stands_twice_is_told_and_the_object_is_looked_at_all_the_same(tmp_path, text):
    found = reading(tmp_path, text)
    assert [each.body["immutable"] for each in found.resources] == [False]
    (problem,) = found.problems
    assert "the key immutable is duplicated" in problem.reason


def test_one_key_that_stands_twice_among_very_many_is_told_at_once(tmp_path):
    """Comparing each key with each other one would take hours."""
    keys = ", ".join(f'"k{number}": "v"' for number in range(200_000))
    head = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": '
    (problem,) = reading(tmp_path, f'{head}{{{keys}, "k7": "w"}}}}').problems
    assert "the key k7 is duplicated" in problem.reason


def test_a_merge_key_may_stand_twice(tmp_path):
    text = f"{HEAD}a: &a {{x: 1}}\nb: &b {{y: 2}}\ndata:\n  <<: *a\n  <<: *b\n"
    assert not reading(tmp_path, text).problems


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_lines_may_end_as_any_system_ends_them(tmp_path, end):
    mixed = POD.replace("\n", end) + "---\r\n" + POD
    found = reading(tmp_path, "\ufeff" + mixed)
    assert [each.id for each in found.resources] == ["Pod/web", "Pod/web"]
    assert not found.problems


def test_what_is_no_file_in_a_folder_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = read([str(tmp_path)], pytest.fail, pytest.fail)
    assert [each.reason for each in found.problems] == ["it is not a readable file"] * 2


def test_a_kustomization_that_leads_nowhere_is_told(tmp_path):
    def build(folder):
        raise UserError(f"{folder.name} has none")

    (tmp_path / "kustomization.yaml").symlink_to(tmp_path / "nowhere")
    (problem,) = read([str(tmp_path)], pytest.fail, build).problems
    assert problem.reason == f"the kustomization cannot be rendered: {tmp_path.name} has none"


@pytest.mark.parametrize("form", [(), ("--json",), ("--sarif",), ("--junit",)], ids=["table", "json", "sarif", "junit"])
def test_names_cannot_steer_the_terminal_or_break_a_report(tmp_path, capsys, form):
    pods = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"hostPID": True, "containers": []}}
        for name in ("a\x1b[31mred\x07", "\ud800", "[bold]x[/bold]", "two\nlines")
    ]
    path = tmp_path / "pods.json"
    path.write_text(json.dumps(pods))
    code = app.run(["check", str(path), *form])
    shown = capsys.readouterr().out
    assert code == ExitCode.FAILED
    assert "hostNamespaces" in shown
    assert "\x1b" not in shown
    assert shown.encode()
