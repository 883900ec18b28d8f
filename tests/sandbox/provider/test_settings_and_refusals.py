import stat
from pathlib import Path

import pytest
from pulumi.runtime.proto import provider_pb2

from cnai.charts.tokens import Kind, kind_of, split_id, token_of
from cnai.errors import UserError
from cnai.kube import ApiError, NoKindError
from cnai.plugin.urns import type_in_urn
from cnai.plugin.values import encode
from cnai.sandbox.provider import checking
from cnai.sandbox.provider.apply import passing, refusal
from cnai.sandbox.provider.resources import manager_of
from cnai.sandbox.provider.settings import Settings

OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}}
CONFLICT = {"details": {"causes": [{"reason": "FieldManagerConflict", "field": ".data.a"}]}}


def test_a_kubeconfig_is_taken_as_a_path_where_it_is_one(tmp_path: Path):
    assert Settings.of({"kubeconfig": str(tmp_path / "config")}, {}).kubeconfig == tmp_path / "config"
    assert Settings.of({}, {"KUBECONFIG": f"{tmp_path / 'absent'}:{tmp_path}"}).kubeconfig == tmp_path


@pytest.mark.parametrize("text", ["apiVersion: v1\nkind: Config\n", '{"kind": "Config"}'])
def test_a_kubeconfig_given_as_content_lies_where_only_this_user_can_read_it(text: str):
    path = Settings.of({"kubeconfig": text}, {}).kubeconfig
    assert path.read_text() == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_content_that_is_broken_is_refused_at_once():
    with pytest.raises(UserError, match="not JSON"):
        Settings.of({"kubeconfig": "{broken"}, {})


def test_provider_options_arrive_as_text_or_booleans_and_fall_back_to_the_environment():
    environ = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true", "CNAI_SANDBOX_DIR": "/x/.cnai/dev"}
    given = Settings.of({"enableConfigMapMutable": "true", "enableSecretMutable": False}, environ)
    assert given.mutability.config_maps
    assert not given.mutability.secrets
    assert given.patch_force
    assert given.sandbox is not None
    assert given.sandbox.env == "dev"


def test_another_context_is_another_cluster_and_new_credentials_are_not():
    def replaces(old: dict, new: dict) -> list[str]:
        return list(checking.diff_config(provider_pb2.DiffRequest(old_inputs=encode(old), news=encode(new))).replaces)

    assert replaces({"context": "a"}, {"context": "b"}) == ["context"]
    assert replaces({"context": "a", "kubeconfig": "x"}, {"context": "a", "kubeconfig": "y"}) == []


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("kubernetes:core/v1:ConfigMap", Kind("v1", "ConfigMap")),
        ("kubernetes:apps/v1:DeploymentPatch", Kind("apps/v1", "Deployment", patch=True)),
        ("kubernetes:jobset.x-k8s.io/v1alpha2:JobSet", Kind("jobset.x-k8s.io/v1alpha2", "JobSet")),
    ],
)
def test_a_type_token_says_which_kind_it_is(token: str, kind: Kind):
    assert kind_of(token) == kind
    assert kind.patch or token_of(kind.api_version, kind.kind) == token


def test_ids_are_names_with_the_namespace_where_there_is_one():
    assert split_id("ns/name") == ("ns", "name")
    assert split_id("name") == (None, "name")
    assert type_in_urn("urn:pulumi:s::p::cnai:x:Y$kubernetes:core/v1:Pod::n") == "kubernetes:core/v1:Pod"


@pytest.mark.parametrize(
    ("error", "will_pass"),
    [
        (NoKindError(404, "no matches for kind"), True),
        (ApiError(404, 'namespaces "x" not found'), True),
        (ApiError(0, "does not answer"), True),
        (ApiError(403, "unable to create new content in namespace x because it is being terminated"), True),
        (ApiError(403, 'error looking up service account x/default: serviceaccount "default" not found'), True),
        (ApiError(403, "exceeded quota"), False),
        (ApiError(409, "the object has been modified"), True),
        (ApiError(409, "conflict", "Conflict", CONFLICT), False),
        (ApiError(500, "failed calling webhook x: connection refused"), True),
        (ApiError(500, "internal error"), False),
        (ApiError(400, "field not declared in schema"), False),
        (ApiError(422, "is invalid"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: ApiError, will_pass: bool):
    assert passing(error) is will_pass


def test_a_refusal_names_the_object_and_says_what_to_do_where_there_is_something():
    assert refusal(OBJECT, ApiError(403, "denied")).message == "ConfigMap n/a: denied"
    assert "pulumi.com/patchForce" in refusal(OBJECT, ApiError(409, "conflict", "Conflict", CONFLICT)).message
    assert "CustomResourceDefinition" in refusal(OBJECT, NoKindError(404, "no matches")).message


def test_the_field_manager_is_the_annotations_then_the_states():
    annotated = {"metadata": {"annotations": {"pulumi.com/patchFieldManager": "mine"}}}
    assert manager_of("urn", annotated, {"__fieldManager": "old"}) == "mine"
    assert manager_of("urn", {}, {"__fieldManager": "old"}) == "old"
