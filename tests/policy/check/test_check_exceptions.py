"""`cnai check --exceptions`: what rules overlook in manifests that no environment declares."""

import json

import pytest
import yaml

from cnai.cli import app
from cnai.cli.console import ExitCode

PACK = "pod-security-baseline"
BAD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"hostPID": True, "containers": [{"name": "a", "securityContext": {"privileged": True}}]},
}


def pod(folder, document, name="pod.yaml"):
    (folder / name).write_text(yaml.safe_dump(document))


def run(capsys, *arguments):
    return app.run(arguments), capsys.readouterr()


def test_manifests_of_no_environment_have_a_file_of_exceptions(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pod(tmp_path, BAD)
    words = {"resource": "Pod/web", "reason": "an agent", "owner": "platform"}
    both = [{"rule": rule, **words, "expires": "2999-01-01"} for rule in ("privileged", "hostNamespaces")]
    command = ("check", "pod.yaml", "--pack", PACK, "--exceptions", "exceptions.yaml", "--json")
    for given in (both, {"exceptions": both}):
        pod(tmp_path, given, "exceptions.yaml")
        code, said = run(capsys, *command)
        assert code == ExitCode.DONE, said.err
        assert json.loads(said.out)["excepted"]
    pod(tmp_path, both[:1], "exceptions.yaml")
    code, said = run(capsys, *command)
    assert code == ExitCode.FAILED
    assert [row["rule"] for row in json.loads(said.out)["violations"]] == ["hostNamespaces"]
    pod(tmp_path, [{**both[0], "expires": "2020-01-01"}], "exceptions.yaml")
    assert "expired on 2020-01-01" in run(capsys, *command)[1].out


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{"rule": "privileged"}], "exceptions.yaml: exceptions[0].reason: required"),
        ([{"rule": "priviledged", "resource": "Pod/web", "reason": "r", "owner": "o", "expires": "2999-01-01"}],
         "exceptions.yaml: exceptions[0].rule: no such rule: did you mean 'privileged'"),
        ({"levels": {}}, "with only `exceptions`"),
        (3, "exceptions: give a list"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_exceptions_is_refused_before_anything_is_checked(tmp_path, capsys, monkeypatch, given, words):
    monkeypatch.chdir(tmp_path)
    pod(tmp_path, BAD)
    pod(tmp_path, given, "exceptions.yaml")
    code, said = run(capsys, "check", "pod.yaml", "--exceptions", "exceptions.yaml")
    assert code == ExitCode.WRONG_INPUT
    assert words in " ".join(said.err.split())
    assert said.out == ""
