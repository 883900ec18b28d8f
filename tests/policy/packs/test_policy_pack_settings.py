"""Rules that ask the environment: production, registries, budgets; and what charts of the catalog are under."""

from runpy import run_path

import pytest

from cnai.catalog import catalog
from cnai.policy.evaluate import evaluate, evaluate_set
from cnai.policy.loading import rules, rules_dir
from cnai.policy.model import Context, Resource, Verdict

EKS = "aws:eks/nodeGroup:NodeGroup"


def pool(machine: str, most: int) -> Resource:
    return Resource(
        {"instanceTypes": [machine], "scalingConfig": {"minSize": 0, "maxSize": most}}, type=EKS, logical_name="p"
    )


def budget(budget_usd: float | None, *pools: Resource, **more: float) -> list:
    settings = {"budget_usd_per_hour": budget_usd, **more}
    return evaluate_set(rules()["budgetAtMax"], pools, Context(resources=pools, settings=settings))


def test_pools_add_up_and_the_message_says_to_what():
    (found,) = budget(100, pool("p5.48xlarge", 1), pool("p5.48xlarge", 1))
    assert found.verdict is Verdict.VIOLATION
    assert "USD an hour" in found.message


def test_a_pool_without_a_price_is_undecided_and_does_not_hide_the_others():
    found = budget(10, pool("x9.huge", 1), pool("p5.48xlarge", 1))
    assert {each.verdict for each in found} == {Verdict.UNDECIDED, Verdict.VIOLATION}


def test_without_a_budget_any_price_will_do():
    assert not budget(None, pool("p5.48xlarge", 1000))


def test_what_the_environment_knows_of_its_own_price_goes_first():
    assert not budget(100, pool("p5.48xlarge", 1000), usd_per_hour_at_max=99)
    assert budget(100, usd_per_hour_at_max=101)


@pytest.mark.parametrize(
    "rule", ["servingReplicas", "imageDigest", "singleMembers", "statefulBackups", "signaturesRequired"]
)
def test_rules_for_production_say_nothing_elsewhere(rule: str):
    pod = {"spec": {"priorityClassName": "cnai-serving", "containers": [{"name": "a", "image": "a:1"}]}}
    many = [
        Resource({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": pod}}),
        Resource({"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "a"}, "spec": {}}),
    ]
    context = Context(resources=many, settings={"production": False})
    found = [each for one in many for each in evaluate(rules()[rule], one, context)]
    assert not found + evaluate_set(rules()[rule], many, context)


@pytest.mark.parametrize(
    ("image", "stands_for"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("team/web:1", "docker.io/team/web:1"),
        ("localhost/web", "localhost/web"),
        ("registry:5000/web", "registry:5000/web"),
        ("docker.io/team/web", "docker.io/team/web"),
    ],
)
def test_an_image_means_what_container_runtimes_take_it_for(image: str, stands_for: str):
    allowed = stands_for.rpartition("/")[0]
    body = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a", "image": image}]}}
    rule = rules()["allowedRegistries"]
    assert not evaluate(rule, Resource(body), Context(settings={"registries": [allowed]}))
    assert evaluate(rule, Resource(body), Context(settings={"registries": ["elsewhere.example"]}))


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("Apache-2.0", False),
        ("Apache-2.0 AND AGPL-3.0-only", True),
        ("MIT OR AGPL-3.0-only", False),
        ("BUSL-1.1", True),
    ],
)
def test_a_licence_restricts_only_where_it_leaves_no_choice(licence: str, expected: bool):
    module = run_path(str(rules_dir() / "catalog_facts.py"))
    assert module["restricted"](licence) is expected


def test_every_chart_of_the_catalog_that_is_not_maintained_is_refused():
    for package in catalog().values():
        release = Resource({"chart": package.source.chart}, type="kubernetes:helm.sh/v3:Release", logical_name="r")
        found = evaluate(rules()["catalogHealth"], release)
        assert any(package.name in each.message for each in found) is (package.health.status != "maintained")


def test_rules_read_of_the_catalog_what_the_catalog_says():
    told = {each.name: each for each in run_path(str(rules_dir() / "catalog_facts.py"))["packages"]()}
    assert told.keys() == catalog().keys()
    for name, package in catalog().items():
        facts = (package.source.chart, package.licence, package.health.status, package.health.instead)
        assert tuple(told[name])[1:] == facts


def test_a_chart_that_the_catalog_does_not_have_is_undecided():
    release = Resource({"chart": "nobody-knows"}, type="kubernetes:helm.sh/v3:Release", logical_name="r")
    assert {each.verdict for each in evaluate(rules()["catalogLicence"], release)} == {Verdict.UNDECIDED}
