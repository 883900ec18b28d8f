import pytest
from pulumi.runtime.proto import provider_pb2

from cnai.plugin.host import Host
from cnai.plugin.values import UNKNOWN, Secret, decode, encode
from cnai.sandbox.provider import checking
from cnai.sandbox.provider.cluster import Cluster
from cnai.sandbox.provider.naming import field_manager, is_autonamed
from cnai.sandbox.provider.settings import Settings

CONFIG_MAP = "urn:pulumi:dev::project::kubernetes:core/v1:ConfigMap::settings"
SECRET = "urn:pulumi:dev::project::kubernetes:core/v1:Secret::login"
Options = provider_pb2.CheckRequest.AutonamingOptions


def unreachable(**environ: str) -> Cluster:
    """What these checks decide, they decide without an API server."""
    return Cluster(Settings.of({"kubeconfig": "/nowhere"}, environ), Host(None))


def check(news: dict, olds: dict | None = None, urn: str = CONFIG_MAP, cluster: Cluster | None = None, **more):
    cluster = cluster or unreachable()
    request = provider_pb2.CheckRequest(urn=urn, news=encode(news), olds=encode(olds or {}), **more)
    response = checking.check(cluster, request)
    return decode(response.inputs), [(failure.property, failure.reason) for failure in response.failures]


def test_an_object_without_a_name_gets_one_from_its_logical_name_and_the_engines_seed():
    inputs, failures = check({"data": {"a": "1"}}, randomSeed=b"seed")
    again, _ = check({"data": {"a": "1"}}, randomSeed=b"seed")
    assert not failures
    assert inputs["metadata"]["name"].startswith("settings-")
    assert len(inputs["metadata"]["name"]) == len("settings-") + 8
    assert inputs == again
    assert is_autonamed(inputs)
    assert (inputs["apiVersion"], inputs["kind"]) == ("v1", "ConfigMap")


def test_another_seed_gives_another_name_so_that_a_replacement_can_stand_beside_the_old_object():
    names = {check({}, randomSeed=seed)[0]["metadata"]["name"] for seed in (b"a", b"b")}
    assert len(names) == 2


def test_an_autonamed_object_keeps_its_name():
    olds, _ = check({}, randomSeed=b"first")
    inputs, _ = check({"data": {"a": "2"}}, olds, randomSeed=b"second")
    assert inputs["metadata"] == olds["metadata"]


def test_a_name_that_the_program_took_back_is_not_adopted():
    olds, _ = check({"metadata": {"name": "chosen"}})
    inputs, _ = check({}, olds, randomSeed=b"seed")
    assert inputs["metadata"]["name"].startswith("settings-")


def test_a_name_that_only_the_update_will_know_is_left_alone():
    inputs, _ = check({"metadata": {"name": UNKNOWN}})
    assert inputs["metadata"] == {"name": UNKNOWN}


def test_the_stacks_autonaming_pattern_wins():
    inputs, _ = check({}, autonaming=Options(proposed_name="settings-dev", mode=Options.ENFORCE))
    assert inputs["metadata"]["name"] == "settings-dev"


def test_where_autonaming_is_off_the_missing_name_is_said():
    with pytest.raises(Exception, match=r"set `metadata\.name`"):
        check({}, autonaming=Options(mode=Options.DISABLE))


@pytest.mark.parametrize(
    ("type_name", "news", "word"),
    [
        ("core/v1:ConfigMapPatch", {}, "which object it patches"),
        ("core/v1:ConfigMap", {"metadata": {"generateName": "x-"}}, "generateName"),
        ("core/v1:ConfigMapList", {}, "resources of their own"),
    ],
)
def test_what_cannot_be_named_fails_with_what_to_change(type_name, news, word):
    _, failures = check(news, urn=CONFIG_MAP.replace("core/v1:ConfigMap", type_name))
    [(path, reason)] = failures
    assert path == "metadata.name"
    assert word in reason


def test_a_malformed_expression_to_wait_for_is_refused_before_the_object_exists():
    news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    news["metadata"]["annotations"] = {"pulumi.com/waitFor": "jsonpath={.data.ready}"}
    assert check(news)[1] == []
    news["metadata"]["annotations"] = {"pulumi.com/waitFor": "{.data.ready}"}
    [(path, reason)] = check(news)[1]
    assert path == "metadata.annotations['pulumi.com/waitFor']"
    assert "give jsonpath={.path}" in reason
    news["metadata"]["annotations"]["pulumi.com/skipAwait"] = "true"
    assert check(news)[1] == [], "what is not awaited is not read, as upstream"


def test_complete_inputs_go_back_as_they_came():
    news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": Secret("1")}}
    assert check(news) == (news, [])


def test_a_secrets_data_becomes_secret_in_the_inputs():
    news = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"a": "1"}}
    assert check(news, urn=SECRET)[0]["stringData"] == Secret({"a": "1"})


def test_the_field_manager_is_the_same_in_every_run_and_looks_like_upstreams():
    assert field_manager(CONFIG_MAP) == field_manager(CONFIG_MAP)
    assert field_manager(CONFIG_MAP) != field_manager(SECRET)
    assert field_manager(CONFIG_MAP).startswith("pulumi-kubernetes-")


def test_a_name_given_before_a_crash_is_given_again_until_the_state_knows_it(tmp_path):
    cluster = unreachable(CNAI_SANDBOX_DIR=str(tmp_path))

    def name(seed: bytes, olds: dict | None = None) -> str:
        return check({}, olds, cluster=cluster, randomSeed=seed)[0]["metadata"]["name"]

    first = name(b"first")
    cluster.intents.note(CONFIG_MAP, first)
    assert name(b"after the crash") == first

    # Now the state shows it: a replacement must have a name of its own.
    assert name(b"next", check({}, cluster=cluster)[0]) == first
    assert name(b"replacement") != first


def test_a_crash_in_a_replacement_does_not_make_a_third_object(tmp_path):
    cluster = unreachable(CNAI_SANDBOX_DIR=str(tmp_path))
    old, _ = check({}, cluster=cluster, randomSeed=b"old")
    replacement, _ = check({}, cluster=cluster, randomSeed=b"new")
    cluster.intents.note(CONFIG_MAP, replacement["metadata"]["name"])

    assert check({}, old, cluster=cluster)[0] == old
    assert check({}, cluster=cluster, randomSeed=b"again")[0] == replacement
