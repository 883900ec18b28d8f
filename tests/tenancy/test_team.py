"""What a team gets, and what it cannot take."""

import pulumi
import pytest

from cnai.tenancy.share import Opening, TeamShare
from cnai.tenancy.shared import PRIORITIES, Tenancy, shared_manifests
from cnai.tenancy.team import Team, TeamArgs, team_manifests

STORE = Opening(name="object-store", namespace="minio", port=9000)
ARGS = TeamArgs(gpu_quota={"nvidia.com/gpu": 16}, sso_group="researchers", shares=(TeamShare(openings=(STORE,)),))


def hard(manifests, role="quota"):
    return manifests[role]["spec"]["hard"]


def test_the_gpu_quota_is_on_requests_which_is_the_only_quota_that_extended_resources_have():
    assert hard(team_manifests("a", ARGS))["requests.nvidia.com/gpu"] == "16"


def test_a_team_without_gpus_gets_none_rather_than_no_limit():
    assert hard(team_manifests("a", TeamArgs()))["requests.nvidia.com/gpu"] == "0"


def test_a_namespace_says_whose_it_is_and_keeps_sidecars_and_privileged_pods_out():
    labels = team_manifests("a", ARGS)["namespace"]["metadata"]["labels"]
    assert labels["cnai.dev/team"] == "a"
    assert labels["istio-injection"] == "disabled"
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    assert labels["pod-security.kubernetes.io/warn"] == "restricted"


def test_a_team_cannot_outrank_its_priority_nor_the_systems_own_pods():
    def forbidden(priority):
        spec = team_manifests("a", TeamArgs(priority=priority))["priority-ceiling"]["spec"]
        assert spec["hard"] == {"pods": "0"}
        return [each for each in spec["scopeSelector"]["matchExpressions"][0]["values"] if "system" not in each]

    assert forbidden("batch") == ["cnai-training", "cnai-serving"]
    assert forbidden("training") == ["cnai-serving"]
    assert forbidden("serving") == []


def test_priorities_rise_and_what_may_be_displaced_displaces_nobody():
    classes = [shared_manifests()[f"priority-{name}"] for name in PRIORITIES]
    assert [each["value"] for each in classes] == sorted({each["value"] for each in classes})
    assert not any(each["globalDefault"] for each in classes)
    assert classes[0]["preemptionPolicy"] == "Never"


def test_nothing_goes_in_or_out_unless_a_policy_names_it():
    policies = {role: each for role, each in team_manifests("a", ARGS).items() if each["kind"] == "NetworkPolicy"}
    assert policies["deny-all"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    incoming = [role for role, each in policies.items() if "ingress" in each["spec"]]
    outgoing = [role for role, each in policies.items() if "egress" in each["spec"]]
    assert incoming == ["allow-same-namespace"]
    assert outgoing == ["allow-same-namespace", "allow-dns", "allow-https", "allow-object-store"]


def test_no_policy_opens_the_way_to_the_nodes_credentials_or_another_team():
    for each in team_manifests("a", ARGS).values():
        for rule in each.get("spec", {}).get("egress", []) if each["kind"] == "NetworkPolicy" else []:
            for peer in rule["to"]:
                block = peer.get("ipBlock", {})
                assert block.get("cidr") != "0.0.0.0/0" or {"169.254.0.0/16", "10.0.0.0/8"} <= set(block["except"])
                assert peer.get("namespaceSelector") != {}


def test_members_put_secrets_in_and_never_read_them():
    rules = shared_manifests()["role-member"]["rules"]
    on_secrets = {verb for rule in rules if "secrets" in rule["resources"] for verb in rule["verbs"]}
    assert on_secrets == {"create", "delete"}


def test_members_cannot_raise_their_own_quota_or_rights():
    for rule in shared_manifests()["role-member"]["rules"]:
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
        assert rule["apiGroups"] != ["rbac.authorization.k8s.io"]
        if {"resourcequotas", "limitranges", "networkpolicies", "serviceaccounts"} & set(rule["resources"]):
            assert set(rule["verbs"]) <= {"get", "list", "watch"}


def test_a_group_is_bound_in_its_own_namespace_and_only_reads_beyond():
    manifests = team_manifests("a", ARGS)
    members, viewers = manifests["members"], manifests["viewers"]
    assert (members["kind"], members["metadata"]["namespace"]) == ("RoleBinding", "a")
    assert members["subjects"][0]["name"] == "researchers"
    assert viewers["roleRef"]["name"] == "cnai-platform-viewer"
    assert {verb for rule in shared_manifests()["role-viewer"]["rules"] for verb in rule["verbs"]} == {
        "get",
        "list",
        "watch",
    }


def test_without_a_group_nobody_is_bound():
    assert not [each for each in team_manifests("a", TeamArgs()).values() if "Binding" in each["kind"]]


def test_training_pods_carry_no_token_for_the_api_server():
    assert team_manifests("a", ARGS)["trainer-account"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("wrong", [{"gpu_quota": {"nvidia.com/gpu": -1}}, {"storage_gib": -1}, {"max_pods": -1}])
def test_negative_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match="give at least 0"):
        TeamArgs(**wrong)


def test_the_namespace_exists_before_all_that_lives_in_it_and_it_alone_is_protected(declared):
    def program():
        tenancy = Tenancy("tenancy")
        Team("a", ARGS, pulumi.ResourceOptions(depends_on=[tenancy], protect=True))

    parts = [r for r in declared(program) if r.parent == "cnai:tenancy:Team::a"]
    assert len(parts) == len(team_manifests("a", ARGS))
    home = "kubernetes:core/v1:Namespace::a-namespace"
    assert [r.key for r in parts if home not in r.options.get("dependsOn", [])] == [home]
    assert [r.key for r in parts if r.options.get("protect")] == ["kubernetes:core/v1:Namespace::a-namespace"]
