"""`cnai check`, `cnai render` and `cnai policy`: arguments, exit codes, what is on standard output."""

import json
from xml.etree import ElementTree

import pytest
import yaml

from cnai.cli import app
from cnai.cli.console import ExitCode
from cnai.environment import Environment
from cnai.policy.config import of_environment
from cnai.policy.model import Level
from cnai.policy.packs import packs
from cnai.render.charts import NotAtHand, Renderer

PACK = "pod-security-baseline"
GOOD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "a"}]}}
BAD = GOOD | {"spec": {"hostPID": True, "containers": [{"name": "a", "securityContext": {"privileged": True}}]}}
PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes

print("hello")
settings = pulumi.Config("web")
kubernetes.core.v1.Pod("web", metadata={"name": "web"}, spec={
    "host_pid": settings.get_bool("host"),
    "containers": [{"name": "a", "image": "web", "env": [{"name": "T", "value": settings.get_secret("token")}]}],
})
kubernetes.helm.v3.Release("db", chart="db", version="1.0.0", name="db", namespace="db")
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "Pulumi.yaml").write_text("name: web\nruntime: python\nmain: stacks\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "__main__.py").write_text(PROGRAM)
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stack(project, env="prod", **config):
    text = yaml.safe_dump({"config": {f"web:{key}": value for key, value in config.items()}})
    (project / "stacks" / f"Pulumi.{env}.yaml").write_text(text)


def chart(monkeypatch, objects):
    """The chart `db` has these objects; where they are None it is not at hand."""

    def release(self, name, inputs):
        if objects is None:
            raise NotAtHand("charts.example cannot be reached")
        return objects

    monkeypatch.setattr(Renderer, "release", release)


def pod(folder, document, name="pod.yaml"):
    path = folder / name
    path.write_text(yaml.safe_dump(document))
    return str(path)


def run(capsys, *arguments):
    code = app.run([str(each) for each in arguments])
    return code, capsys.readouterr()


@pytest.mark.parametrize(
    ("document", "code"), [(GOOD, ExitCode.DONE), (BAD, ExitCode.FAILED), (3, ExitCode.WRONG_INPUT)]
)
def test_the_exit_code_tells_clean_from_violated_from_unchecked(tmp_path, capsys, document, code):
    assert run(capsys, "check", pod(tmp_path, document), "--pack", PACK)[0] == code


def test_json_is_one_document_and_names_rule_resource_and_source(tmp_path, capsys):
    path = pod(tmp_path, BAD)
    told = json.loads(run(capsys, "check", path, "--json", "--pack", PACK)[1].out)
    assert {row["rule"] for row in told["violations"]} == {"privileged", "hostNamespaces"}
    assert {(row["resource"], row["source"]) for row in told["violations"]} == {("Pod/web", path)}


def test_outside_a_project_paths_can_be_checked_all_the_same(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("CNAI_PROJECT", raising=False)
    monkeypatch.chdir(tmp_path)
    pod(tmp_path, BAD)
    assert run(capsys, "check", "pod.yaml", "--pack", PACK)[0] == ExitCode.FAILED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.yaml"], "no such file"),
        (["nothing"], "no environment 'nothing'"),
        (["pod.yaml", "--pack", "nothing"], "no pack 'nothing'"),
        (["pod.yaml", "--json", "--sarif"], "give one of"),
        (["pod.yaml", "--write-baseline"], "--baseline FILE"),
        (["pod.yaml", "--baseline", "none.json"], "--write-baseline"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(project, capsys, arguments, words):
    pod(project, GOOD)
    code, said = run(capsys, "check", *arguments)
    assert code == ExitCode.WRONG_INPUT
    assert words in " ".join(said.err.split())
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_baseline_lets_old_violations_be_and_fails_on_new_ones(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ("--pack", PACK, "--baseline", "baseline.json")
    pod(tmp_path, BAD)
    assert run(capsys, "check", "pod.yaml", *options, "--write-baseline")[0] == ExitCode.DONE
    assert run(capsys, "check", "pod.yaml", *options)[0] == ExitCode.DONE
    worse = BAD | {"spec": BAD["spec"] | {"hostNetwork": True}}
    code, said = run(capsys, "check", pod(tmp_path, worse), *options, "--json")
    assert code == ExitCode.FAILED
    assert [row["message"].split(".")[0] for row in json.loads(said.out)["violations"]] == ["pod must leave spec"]


def test_sarif_and_junit_have_standard_output_for_themselves(tmp_path, capsys):
    path = pod(tmp_path, BAD)
    assert json.loads(run(capsys, "check", path, "--sarif")[1].out)["version"] == "2.1.0"
    assert ElementTree.fromstring(run(capsys, "check", path, "--junit")[1].out).tag == "testsuites"


def test_an_environment_is_checked_with_what_its_charts_bring(project, capsys, monkeypatch):
    stack(project)
    chart(monkeypatch, [GOOD])
    assert run(capsys, "check", "prod", "--pack", PACK)[0] == ExitCode.DONE
    chart(monkeypatch, [BAD])
    code, said = run(capsys, "check", "prod", "--pack", PACK, "--json")
    assert code == ExitCode.FAILED
    assert {row["source"] for row in json.loads(said.out)["violations"]} == {"prod: chart db 1.0.0"}


def test_the_program_s_own_resources_are_checked_with_the_stack_s_configuration(project, capsys, monkeypatch):
    chart(monkeypatch, [])
    stack(project, host="true", token={"secure": "v1:abc"})
    code, said = run(capsys, "check", "prod", "--pack", PACK, "--json")
    assert code == ExitCode.FAILED
    assert [row["rule"] for row in json.loads(said.out)["violations"]] == ["hostNamespaces"]


def test_a_secret_in_an_env_literal_is_found_and_not_shown(project, capsys, monkeypatch):
    chart(monkeypatch, [])
    stack(project, token={"secure": "v1:abc"})
    code, said = run(capsys, "check", "prod", "--pack", "workloads", "--json")
    assert code == ExitCode.FAILED
    (found,) = [row for row in json.loads(said.out)["violations"] if row["rule"] == "secretsInEnv"]
    assert "container a must not have what Pulumi keeps secret as a literal value of env T" in found["message"]
    assert "v1:abc" not in said.out + said.err


def test_a_chart_that_is_not_at_hand_is_listed_and_fails_unless_it_is_let_be(project, capsys, monkeypatch):
    stack(project)
    chart(monkeypatch, None)
    code, said = run(capsys, "check", "prod", "--pack", PACK, "--json")
    assert code == ExitCode.WRONG_INPUT
    (missing,) = json.loads(said.out)["not_checked"]
    assert missing == {"source": "prod: chart db 1.0.0", "reason": "charts.example cannot be reached"}
    assert run(capsys, "check", "prod", "--pack", PACK, "--allow-unrendered")[0] == ExitCode.DONE
    pod(project, 3)
    assert run(capsys, "check", "prod", "pod.yaml", "--pack", PACK, "--allow-unrendered")[0] == ExitCode.WRONG_INPUT


def test_environments_and_paths_can_be_checked_together(project, capsys, monkeypatch):
    stack(project)
    chart(monkeypatch, [])
    pod(project, BAD)
    told = json.loads(run(capsys, "check", "prod", "pod.yaml", "--json", "--pack", PACK)[1].out)
    assert {row["source"] for row in told["violations"]} == {"pod.yaml"}


def test_a_program_that_fails_is_told_in_one_sentence(project, capsys):
    (project / "stacks" / "__main__.py").write_text("import pulumi\nraise pulumi.RunError('no such machine')\n")
    stack(project)
    code, said = run(capsys, "check", "prod")
    assert code == ExitCode.WRONG_INPUT
    assert "no such machine" in said.err
    assert "Traceback" not in said.err


def test_render_writes_a_file_for_each_object_under_names_that_stay_and_without_secrets(project, capsys, monkeypatch):
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db", "namespace": "db"},
        "data": {"p": "aHVudGVyMg=="},
    }
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:db"}}
    stack(project, token={"secure": "v1:abc"})
    chart(monkeypatch, [secret, role])
    written = ["cluster/clusterrole-system-db.yaml", "cluster/pod-web.yaml", "db/secret-db.yaml"]
    for _ in range(2):
        assert run(capsys, "render", "prod", "-o", "out")[0] == ExitCode.DONE
        files = sorted(path for path in (project / "out").rglob("*.yaml"))
        assert [path.relative_to(project / "out").as_posix() for path in files] == written
    texts = [path.read_text() for path in files]
    assert not [text for text in texts if "aHVudGVyMg" in text or "v1:abc" in text]
    assert yaml.safe_load(texts[1])["spec"]["containers"][0]["env"] == [{"name": "T", "value": "[secret]"}]


def test_render_does_not_write_among_other_files(project, capsys, monkeypatch):
    stack(project)
    chart(monkeypatch, [])
    code, said = run(capsys, "render", "prod", "-o", "stacks")
    assert code == ExitCode.WRONG_INPUT
    assert "files of another making" in said.err


def test_every_rule_is_listed_and_explained(capsys):
    rows = json.loads(run(capsys, "policy", "list", "--json")[1].out)["rules"]
    assert {row["pack"] for row in rows} == set(packs())
    for name in {row["rule"] for row in rows}:
        code, said = run(capsys, "policy", "explain", name, "--json")
        assert code == ExitCode.DONE
        assert all(json.loads(said.out)[key] for key in ("title", "why", "change", "packs"))


def test_what_the_pack_is_to_know_of_an_environment_is_printed_for_any_pulumi(capsys, monkeypatch, pytestconfig):
    monkeypatch.setenv("CNAI_PROJECT", str(pytestconfig.rootpath))
    code, said = run(capsys, "policy", "config", "local")
    stack = yaml.safe_load((pytestconfig.rootpath / "stacks" / "Pulumi.local.yaml").read_text())["config"]
    assert code == ExitCode.DONE
    assert json.loads(said.out) == of_environment(Environment.load("local", stack))


def test_a_misspelt_rule_is_answered_with_the_one_that_was_meant(capsys):
    code, said = run(capsys, "policy", "explain", "priviledged")
    assert code == ExitCode.WRONG_INPUT
    assert "did you mean 'privileged'" in said.err


def test_advice_is_told_and_fails_nothing(tmp_path, capsys):
    assert packs()["pod-security-restricted"].level is Level.ADVISORY
    code, said = run(capsys, "check", pod(tmp_path, GOOD), "--json")
    told = json.loads(said.out)
    assert "runAsNonRoot" in {row["rule"] for row in told["advice"]}
    assert code == (ExitCode.FAILED if told["violations"] else ExitCode.DONE)
