"""An environment's rules for the cluster itself: levels, exceptions, and what admission cannot carry."""

from datetime import date

import pytest
import yaml

from cnai.cli import app
from cnai.cli.console import ExitCode
from cnai.policy.exceptions import Exemption
from cnai.policy.exporting import Wishes, exported
from cnai.policy.loading import rules
from cnai.policy.model import Level
from cnai.policy.packs import packs

OFF = dict.fromkeys(packs(), Level.DISABLED)
PODS = OFF | {"pod-security-baseline": Level.MANDATORY}


def exception(rule: str, expires: str) -> Exemption:
    words = {"rule": rule, "resource": "apps/DaemonSet/gpu-operator/nvidia-*", "reason": "r", "owner": "o"}
    return Exemption.of({**words, "expires": expires})


def bindings(made) -> dict[str, dict]:
    return {each["metadata"]["name"]: each["spec"] for each in made.objects if each["kind"].endswith("Binding")}


def test_a_cluster_gets_a_policy_and_a_binding_for_each_pack_and_level_that_has_rules():
    made = exported({**PODS, "sysctls": Level.ADVISORY}, (), Wishes(exempt_namespaces=["kube-system"]))
    names = ("cnai-pod-security-baseline-mandatory", "cnai-pod-security-baseline-advisory")
    assert set(made.policies) == set(bindings(made)) == set(names)
    mandatory, advisory = (bindings(made)[name] for name in names)
    assert mandatory["validationActions"] == ["Deny"]
    assert advisory["validationActions"] == ["Warn", "Audit"]
    selector = mandatory["matchResources"]["namespaceSelector"]["matchExpressions"][0]
    assert (selector["operator"], selector["values"]) == ("NotIn", ["kube-system"])


def test_to_try_it_out_nothing_is_refused():
    made = exported({}, (), Wishes(warn_only=True))
    assert {tuple(each["validationActions"]) for each in bindings(made).values()} == {("Warn", "Audit")}


def test_every_rule_that_is_on_is_enforced_or_told_with_the_reason():
    made = exported({}, (), Wishes())
    of_clouds = {name for name, rule in rules().items() if all(":" in kind for kind in rule.applies)}
    listed = {rule for pack in packs().values() for rule in pack.rules} - of_clouds
    assert {*made.enforced, *made.not_enforced} == listed
    assert not set(made.enforced) & set(made.not_enforced)
    assert {"privileged", "wildcardRbac"} <= set(made.enforced)
    assert "several objects" in made.not_enforced["defaultDeny"]


def test_exceptions_hold_as_long_as_they_last_and_the_export_says_until_when():
    lasting, over = exception("privileged", "2999-01-01"), exception("hostNamespaces", "2020-01-01")
    other = exception("secretsInEnv", "2998-01-01")
    made = exported(PODS, [lasting, over, other], Wishes())
    (policy, _) = made.policies["cnai-pod-security-baseline-mandatory"]
    excepted = [each["message"] for each in policy["spec"]["validations"] if "gpu" in each["expression"]]
    assert len(excepted) == 1
    assert excepted[0].startswith("[privileged]")
    assert made.exceptions_until == date(2999, 1, 1)
    assert exported(PODS, [], Wishes()).exceptions_until is None


def test_what_pulumi_would_mend_the_cluster_refuses_and_it_is_told():
    made = exported(OFF | {"pod-security-restricted": Level.REMEDIATE}, (), Wishes())
    assert bindings(made)["cnai-pod-security-restricted-remediate"]["validationActions"] == ["Deny"]
    assert "allowPrivilegeEscalation" in made.not_fixed


def test_kyverno_gets_one_policy_that_needs_no_binding():
    made = exported(PODS, (), Wishes(kyverno=True, exempt_namespaces=["kube-system"]))
    (policy,) = made.objects
    assert policy["kind"] == "ValidatingPolicy"
    assert policy["spec"]["validationActions"] == ["Deny"]
    assert policy["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"][0]["values"] == ["kube-system"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: demo\n")
    config = {"cnai:cloud": {"local": {}}, "cnai:pools": {"system": {"machine": "cpu-8", "min": 1}}}
    config["cnai:policies"] = {"levels": {name: "disabled" for name in packs() if name != "pod-security-baseline"}}
    (tmp_path / "stacks" / "Pulumi.demo.yaml").write_text(yaml.safe_dump({"config": config}))
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_prints_what_kubectl_applies_and_tells_the_rest_aside(project, capsys):
    assert app.run(["policy", "export", "demo"]) == ExitCode.DONE
    said = capsys.readouterr()
    kinds = [each["kind"] for each in yaml.safe_load_all(said.out)]
    assert kinds == ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
    assert "policies: 1, rules: 12" in said.err


def test_the_command_writes_a_file_for_each_policy_and_takes_old_ones_away(project, capsys):
    out = project / "out"
    out.mkdir()
    (out / "cnai-old.yaml").write_text("{}")
    assert app.run(["policy", "export", "demo", "-o", "out"]) == ExitCode.DONE
    assert [path.name for path in out.iterdir()] == ["cnai-pod-security-baseline-mandatory.yaml"]
    (out / "mine.yaml").write_text("{}")
    assert app.run(["policy", "export", "demo", "-o", "out"]) == ExitCode.WRONG_INPUT
    assert "mine.yaml" in capsys.readouterr().err
