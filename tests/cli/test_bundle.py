"""A support bundle can be sent to a stranger."""

import json

from cnai.cli.bundle import engine_state, redacted, redacted_json, redacted_text


def test_values_under_a_secret_name_are_replaced_however_deep_they_lie():
    given = {"a": [{"adminPassword": "hunter2"}], "cnai:secrets": {"grafana_admin": {"secure": "v1:abc"}}, "name": "x"}
    shown = redacted(given)
    assert "hunter2" not in str(shown)
    assert "v1:abc" not in str(shown)
    assert shown["name"] == "x"


def test_secrets_inside_log_lines_are_replaced_and_the_rest_of_the_line_stays():
    line = 'start url=https://bob:s3cret@host/x password=hunter2 token: "abc.def" level=info'
    shown = redacted_text(line)
    for secret in ("s3cret", "hunter2", "abc.def"):
        assert secret not in shown
    assert "start" in shown
    assert "level=info" in shown


def test_a_private_key_that_spans_lines_is_replaced():
    text = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb"
    assert redacted_text(text) == "a\n[redacted]\nb"


def test_a_damaged_record_is_in_the_bundle_as_text():
    assert redacted_json('{"a": password=hunter2') == '{"a": password=[redacted]'


def test_the_engines_state_is_there_without_any_property(tmp_path):
    folder = tmp_path / ".cnai" / "state" / "sandbox" / "p" / "local"
    folder.mkdir(parents=True)
    resource = {"urn": "urn:x", "id": "a/b", "inputs": {"data": "hunter2"}, "initErrors": ["token: hunter2"]}
    (folder / "checkpoint.json").write_text(json.dumps({"deployment": {"resources": [resource]}}))
    ((_, text),) = engine_state(tmp_path, "local")
    assert json.loads(text)["resources"] == [{"urn": "urn:x", "id": "a/b", "initErrors": ["token: [redacted]"]}]
    (folder / "checkpoint.json").write_text("{")
    ((name, _),) = engine_state(tmp_path, "local")
    assert name == "state/unreadable.txt"
