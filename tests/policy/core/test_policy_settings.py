"""`cnai:policies` of a stack file: levels and exceptions, and the file that Pulumi hands to the pack."""

import json
from datetime import date
from pathlib import Path

import pytest
import yaml

from cnai.environment import Environment, read_yaml
from cnai.errors import UserError
from cnai.policy import config
from cnai.policy.analyzer.given import Given
from cnai.policy.evaluate import evaluate_set
from cnai.policy.exceptions import Exemption, expired, sort
from cnai.policy.levels import assigned, by_rule
from cnai.policy.loading import rules
from cnai.policy.model import Context, Finding, Level, Pack, Resource, Verdict
from cnai.policy.packs import packs

ROOT = Path(__file__).resolve().parents[3]
EXCEPTION = {
    "rule": "privileged",
    "resource": "apps/DaemonSet/gpu-operator/nvidia-*",
    "reason": "the driver loads kernel modules",
    "owner": "platform",
    "expires": date(2027, 1, 31),
}
DRIVER = Resource(
    {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "nvidia-driver", "namespace": "gpu-operator"}}
)


def environment(policies: dict) -> Environment:
    pools = {"system": {"machine": "cpu-8", "min": 1}}
    return Environment.load("demo", {"cnai:cloud": {"local": {}}, "cnai:pools": pools, "cnai:policies": policies})


@pytest.mark.parametrize(
    ("policies", "told"),
    [
        ({"levels": {"privileged": "strict"}}, "cnai:policies.levels.privileged: give"),
        ({"exceptions": [{**EXCEPTION, "reason": ""}]}, "cnai:policies.exceptions[0].reason: give at least 1"),
        ({"exceptions": [{**EXCEPTION, "resource": "*"}]}, ", not everything"),
        ({"exceptions": [{**EXCEPTION, "expires": "soon"}]}, "give a date such as 2027-01-31"),
        ({"exceptions": [{k: v for k, v in EXCEPTION.items() if k != "owner"}]}, "owner: required"),
        ({"level": {}}, "did you mean 'levels'?"),
    ],
)
def test_a_wrong_word_about_policies_is_refused(policies: dict, told: str):
    with pytest.raises(UserError) as refused:
        environment(policies)
    assert told in str(refused.value)


def test_a_level_for_a_rule_that_does_not_exist_is_refused_by_name():
    with pytest.raises(UserError, match=r"cnai:policies\.levels\.priviledged: .* did you mean 'privileged'"):
        config.of_environment(environment({"levels": {"priviledged": "advisory"}}))
    with pytest.raises(UserError, match=r"cnai:policies\.exceptions\[0\]\.rule: no such rule"):
        config.of_environment(environment({"exceptions": [{**EXCEPTION, "rule": "nope"}]}))


def test_what_has_no_safe_fix_cannot_be_remediated():
    for name in ("privileged", "tenancy"):
        with pytest.raises(UserError, match=rf"cnai:policies\.levels\.{name}: it has no safe fix: use mandatory"):
            config.of_environment(environment({"levels": {name: "remediate"}}))
    for name in ("awsImdsV2", "pod-security-restricted"):
        assert config.of_environment(environment({"levels": {name: "remediate"}}))[name] == "remediate"


def test_a_rule_counts_once_where_it_is_strictest_and_its_own_level_goes_first():
    one, two = Pack(name="one", title="", rules=("a", "b")), Pack(name="two", title="", rules=("b", "c"))
    chosen = assigned([one, two], {"one": Level.ADVISORY, "two": Level.REMEDIATE, "c": Level.DISABLED})
    assert chosen == {("one", Level.ADVISORY): ("a",), ("two", Level.REMEDIATE): ("b",)}
    assert by_rule([one, two], {"a": Level.DISABLED}) == {"b": Level.MANDATORY, "c": Level.MANDATORY}


def test_the_file_for_pulumi_says_what_the_environment_says():
    env = environment({"levels": {"privileged": "advisory"}, "exceptions": [EXCEPTION], "production": True})
    words = config.of_environment(env)
    assert words["privileged"] == "advisory"
    assert words["environment"]["exceptions"][0]["expires"] == "2027-01-31"
    assert words["environment"]["settings"]["production"] is True
    given = Given.of(entries(words), packs())
    assert given.levels == by_rule(packs().values(), config.levels(env.policies))
    assert given.exceptions == config.exceptions(env.policies)
    assert given.settings == config.settings(env)


def test_rules_are_told_what_all_pools_cost_at_their_max_whatever_cloud_they_are_of():
    env = environment({"budget_usd_per_hour": 1})
    pool = env.pools["system"]
    told = config.settings(env)
    assert told["usd_per_hour_at_max"] == pool.max * pool.machine.price_usd_per_hour > 0
    (found,) = evaluate_set(rules()["budgetAtMax"], [], Context(settings=told | {"budget_usd_per_hour": 0.01}))
    assert f"cost {told['usd_per_hour_at_max']:,.2f} USD an hour" in found.message
    assert not evaluate_set(rules()["budgetAtMax"], [], Context(settings=told | {"budget_usd_per_hour": 1000}))


def entries(words: dict) -> dict:
    """As the engine reads the file."""
    return {name: (None, each) if isinstance(each, dict) else (Level(each), {}) for name, each in words.items()}


@pytest.mark.parametrize("stack", sorted((ROOT / "stacks").glob("Pulumi.*.yaml")), ids=lambda each: each.name)
def test_every_stacks_policies_name_what_exists(stack: Path, tmp_path: Path):
    env = Environment.load(stack.name.split(".")[1], read_yaml(stack.read_text(), stack.name)["config"])
    written = config.write(env, tmp_path / "deep" / "policy.json")
    assert json.loads(written.read_text()) == config.of_environment(env)


def test_an_exception_covers_what_it_names_until_its_last_day():
    exemption = Exemption.of(EXCEPTION)
    finding = Finding("privileged", Verdict.VIOLATION, "container a", "must not", DRIVER)
    assert sort([finding], [exemption], date(2027, 1, 31)).standing == ()
    other = Finding("hostPorts", Verdict.VIOLATION, "container a", "must not", DRIVER)
    assert sort([other], [exemption], date(2026, 1, 1)).standing == (other,)
    crash = Finding("privileged", Verdict.VIOLATION, "", "failed", DRIVER, crashed=True)
    assert sort([crash], [exemption], date(2026, 1, 1)).standing == (crash,), "an exception hid a rule that failed"


def test_an_expired_exception_fails_even_where_it_covers_nothing_any_more():
    exemption = Exemption.of({**EXCEPTION, "expires": "2026-01-31"})
    assert "expired on 2026-01-31" in expired([exemption], date(2026, 2, 1))[0].message
    finding = Finding("privileged", Verdict.VIOLATION, "container a", "must not", DRIVER)
    standing = sort([finding], [exemption], date(2026, 2, 1)).standing
    assert finding in standing
    assert len(standing) == 2


def test_an_exception_survives_the_way_through_json():
    exemption = Exemption.of(EXCEPTION)
    assert Exemption.of(json.loads(json.dumps(exemption.words))) == exemption
    assert Exemption.of(yaml.safe_load("{" + ", ".join(f"{k}: '{v}'" for k, v in EXCEPTION.items()) + "}")) == exemption


def test_our_own_pack_gets_the_environments_settings_and_another_gets_none(tmp_path: Path, monkeypatch):
    from cnai.cli.passthrough import with_policy_settings

    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: demo\n")
    (tmp_path / "stacks" / "Pulumi.demo.yaml").write_text(
        "config: {cnai:cloud: {local: {}}, cnai:pools: {system: {machine: cpu-8, min: 1}}}\n"
    )
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    ours = ["preview", "--policy-pack", "policies"]
    *same, option, path = with_policy_settings(ours, "demo")
    assert (same, option) == (ours, "--policy-pack-config")
    assert json.loads(Path(path).read_text())["environment"]["settings"]["environment"] == "demo"
    for others in (["preview"], ["preview", "--policy-pack=theirs"], [*ours, "--policy-pack-config", "x.json"]):
        assert with_policy_settings(others, "demo") == others
