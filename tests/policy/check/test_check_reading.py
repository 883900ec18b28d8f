"""What is read out of files, folders and standard input; nothing that cannot be read passes in silence."""

import io
import json
import sys

import pytest
import yaml

from cnai.errors import UserError
from cnai.policy.reading import read
from cnai.policy.reading.streams import Unreadable, documents

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "a"}]}}
TEXT = yaml.safe_dump(POD)


def unrenderable(folder):
    raise UserError("there is no Helm here")


def reading(*paths, renders=unrenderable):
    return read([str(path) for path in paths], renders, renders)


def names(found):
    return [each.id for each in found.resources]


def file(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_every_document_of_a_stream_is_read_and_empty_ones_are_not(tmp_path):
    given = file(tmp_path, "all.yaml", f"# made by hand\n---\n{TEXT}---\n# nothing\n---\n---\n{TEXT}...\n")
    found = reading(given)
    assert names(found) == ["Pod/web", "Pod/web"]
    assert found.problems == []
    assert [found.lines[id(each)] for each in found.resources] == [3, 14]


def test_a_broken_document_is_told_with_its_line_and_does_not_hide_the_others(tmp_path):
    given = file(tmp_path, "all.yaml", f"{TEXT}---\na: [\n---\n{TEXT}")
    found = reading(given)
    assert names(found) == ["Pod/web", "Pod/web"]
    (problem,) = found.problems
    assert problem.source == str(given)
    assert "not valid YAML" in problem.reason
    assert not problem.rendering


def test_what_stands_on_the_separator_s_own_line_counts():
    text = f"--- {json.dumps(POD)}\n---\na: ['\n"
    assert POD in [each[1] for each in documents(text) if not isinstance(each, Unreadable)]


def test_lists_are_taken_apart_and_typed_ones_say_what_their_items_are(tmp_path):
    bare = {key: value for key, value in POD.items() if key not in ("apiVersion", "kind")}
    file(tmp_path, "a.json", json.dumps({"apiVersion": "v1", "kind": "List", "items": [POD, POD]}))
    file(tmp_path, "b.json", json.dumps({"apiVersion": "v1", "kind": "PodList", "items": [bare]}))
    file(tmp_path, "c.json", json.dumps([POD]))
    assert names(reading(tmp_path)) == ["Pod/web"] * 4


@pytest.mark.parametrize(
    "document",
    [{"kind": "Pod"}, {"apiVersion": "v1"}, {"apiVersion": "v1", "kind": 3}, {"apiVersion": "v1", "kind": ["Pod"]}],
)
def test_an_object_that_does_not_say_what_it_is_is_not_passed_over(tmp_path, document):
    file(tmp_path, "pod.yaml", yaml.safe_dump(document))
    assert "apiVersion and kind" in reading(tmp_path).problems[0].reason


@pytest.mark.parametrize("items", ["pods", [1], [{"metadata": {}}]])
def test_a_list_without_objects_is_not_passed_over(tmp_path, items):
    file(tmp_path, "pod.yaml", yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}))
    assert reading(tmp_path).problems


def test_other_files_in_a_folder_are_let_be_but_not_where_they_are_named(tmp_path):
    values = file(tmp_path, "values.yaml", "image: web\n")
    file(tmp_path, "pod.yaml", TEXT)
    file(tmp_path, "README.md", "{{")
    file(tmp_path, ".git/config.yaml", "a: [")
    assert reading(tmp_path).problems == []
    assert "neither apiVersion nor kind" in reading(values).problems[0].reason


def test_a_folder_without_a_manifest_is_no_pass(tmp_path):
    assert reading(tmp_path).problems


def test_a_path_that_is_not_there_is_the_user_s_error(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        reading(tmp_path / "gone")


def test_a_chart_s_templates_are_rendered_and_never_read_as_they_are(tmp_path):
    file(tmp_path, "charts/web/Chart.yaml", "name: web\n")
    file(tmp_path, "charts/web/templates/pod.yaml", "{{- if .Values.on }}\nkind: Pod\n{{- end }}\n")
    assert names(reading(tmp_path, renders=lambda _: [POD])) == ["Pod/web"]
    (problem,) = reading(tmp_path).problems
    assert problem.rendering
    assert "no Helm here" in problem.reason


def test_an_overlay_is_rendered_and_its_base_is_not_checked_by_itself(tmp_path):
    file(tmp_path, "base/kustomization.yaml", "resources: [pod.yaml]\n")
    file(tmp_path, "base/pod.yaml", TEXT)
    file(tmp_path, "prod/kustomization.yaml", "resources: [../base]\n")
    file(tmp_path, "prod/patch.yaml", TEXT)
    rendered = []
    reading(tmp_path, renders=lambda folder: rendered.append(folder) or [POD])
    assert rendered == [tmp_path / "prod"]


def test_standard_input_is_read_and_an_empty_one_is_no_pass(monkeypatch):
    given = {}
    monkeypatch.setattr(sys, "stdin", type("In", (), {"buffer": property(lambda _: io.BytesIO(given["text"]))})())
    given["text"] = TEXT.encode()
    assert names(reading("-")) == ["Pod/web"]
    given["text"] = b""
    assert reading("-").problems


def test_text_in_another_encoding_is_told(tmp_path):
    path = tmp_path / "pod.yaml"
    path.write_bytes(b"\xff\xfe" + TEXT.encode("utf-16-le"))
    assert "UTF-8" in reading(path).problems[0].reason


def test_a_preview_s_json_and_an_exported_stack_are_read_and_their_secrets_stay_hidden(tmp_path):
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"hunter2"'}
    state = {
        "urn": "urn:pulumi:prod::web::aws:s3/bucket:Bucket::logs",
        "type": "aws:s3/bucket:Bucket",
        "inputs": {"acl": "private", "key": secret, "arn": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"},
    }
    for document in ({"steps": [{"newState": state}]}, {"deployment": {"resources": [state]}}):
        (found,) = reading(file(tmp_path, "preview.json", json.dumps(document))).resources
        assert found.id == "aws:s3/bucket:Bucket/logs"
        assert "hunter2" not in repr(found.body)
        assert repr(found.body["arn"]) == "unknown"


YAML = """
plain: &a {x: 1, y: [yes, 0x10, 1.5, ~, "2", '3', 2020-01-01, =]}
copy: *a
merged: {<<: *a, y: 3}
text: |
  ---not a separator
  {{ template }}
8: eight
"""


@pytest.mark.parametrize("text", [YAML, YAML.replace("&a", "").replace("*a", "2").replace("<<: 2, ", "")])
def test_the_fast_way_reads_what_pyyaml_reads(text):
    ((_, value),) = documents(text)
    expected = yaml.safe_load(text.replace("2020-01-01", "'2020-01-01'").replace(" =", " '='"))
    assert value == expected


@pytest.mark.parametrize("text", ["a: " + "[" * 200_000, "[" * 200_000 + "]" * 200_000, "- " * 200_000 + "a"])
def test_a_document_of_too_many_levels_is_told_and_ends_no_process(text):
    (found,) = documents(text)
    assert "too deeply" in str(found)
