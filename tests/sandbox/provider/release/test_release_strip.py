"""What is left out of manifests because its server does not run in the sandbox."""

import copy
import json

import pytest
from release_charts import crd

from cnai.charts.documents import heads, load, split
from cnai.sandbox.controllers.specs import served_groups
from cnai.sandbox.provider.release.postrender import rendered
from cnai.sandbox.provider.release.strip import LeftOut, stripped, without_controller

SERVICE = {"service": {"name": "web", "namespace": "a"}}


def webhook(kind="ValidatingWebhookConfiguration", client=SERVICE, group="example.com"):
    rules = [{"apiGroups": [group], "resources": ["*"]}]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "hook"},
        "webhooks": [{"name": "a.example.com", "clientConfig": client, "rules": rules}],
    }


def api_service(spec):
    return {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1.x"}, "spec": spec}


@pytest.mark.parametrize("kind", ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"])
def test_a_webhook_whose_server_is_in_the_cluster_is_left_out(kind):
    assert stripped([webhook(kind)]) == ([], [LeftOut(kind, "hook", "its server does not run here")])


def test_a_webhook_that_calls_a_url_stays():
    outside = webhook(client={"url": "https://hooks.example.com"})
    assert stripped([outside]) == ([outside], [])


def test_the_webhook_of_a_controller_that_really_runs_says_that_it_brings_its_own():
    _, left_out = stripped([webhook(group="jobset.x-k8s.io")])
    assert "real jobset controller" in left_out[0].reason
    assert set(served_groups()) >= {"jobset.x-k8s.io", "karpenter.sh", "trainer.kubeflow.org"}
    assert served_groups({"jobset-controller-manager"}) == {"jobset.x-k8s.io": "jobset"}


def test_a_webhook_whose_controller_does_not_run_after_all_says_why():
    _, left_out = stripped([webhook(group="jobset.x-k8s.io"), webhook()])
    own, other = without_controller(left_out, "its program could not be made")
    assert own.reason == "its program could not be made"
    assert other == left_out[1]


def test_an_api_service_with_a_server_of_its_own_is_left_out_and_a_local_one_stays():
    local = api_service({"group": "x", "version": "v1"})
    kept, left_out = stripped([local, api_service({"service": {"name": "web"}})])
    assert (kept, [left.kind for left in left_out]) == ([local], ["APIService"])


def test_a_crd_stays_without_its_conversion_webhook_and_the_given_one_is_not_changed():
    given = crd("example.com", conversion=True)
    before = copy.deepcopy(given)
    (kept,), (left_out,) = stripped([given])
    assert kept["spec"]["conversion"] == {"strategy": "None"}
    assert (left_out.kind, left_out.name) == ("CustomResourceDefinition", "things.example.com")
    assert given == before


def test_admission_policies_and_everything_else_stay():
    policy = {"kind": "ValidatingAdmissionPolicy", "metadata": {"name": "a"}, "spec": {}}
    plain = crd("example.com")
    assert stripped([policy, plain]) == ([policy, plain], [])


def test_items_of_a_list_are_looked_at_too():
    (kept,), left_out = stripped([{"kind": "List", "items": [webhook(), crd("example.com")]}])
    assert [item["kind"] for item in kept["items"]] == ["CustomResourceDefinition"]
    assert len(left_out) == 1


def test_the_post_renderer_passes_on_what_stays_byte_for_byte():
    settings = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\ndata:\n  note: |\n    MutatingWebhookConfiguration\n"
    )
    manifests = f"---\n{settings}---\n{json.dumps(webhook())}\n---\n# nothing\n---\n{crd_text()}"
    passed, left_out = rendered(manifests, {})
    assert passed.startswith(settings)
    assert "clientConfig" not in passed
    assert [left.kind for left in left_out] == ["ValidatingWebhookConfiguration", "CustomResourceDefinition"]
    assert load(passed)[1]["spec"]["conversion"] == {"strategy": "None"}


def crd_text():
    return json.dumps(crd("example.com", conversion=True), indent=1)


def test_the_head_of_a_document_is_read_without_its_body():
    unreadable = 'apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  labels:\n    x: "y: z"\nspec: [never parsed\n'
    assert heads(unreadable) == [{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "labels": {"x": "y: z"}}}]


def test_heads_come_from_json_too():
    obj = {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}, "spec": {"kind": "B"}}
    assert heads(f"---\n{json.dumps(obj)}\n---\n") == [{key: obj[key] for key in ("apiVersion", "kind", "metadata")}]


def test_a_dashed_line_inside_a_text_does_not_end_a_document():
    assert len(split("kind: A\ntext: |\n  one\n  ---\n  two\n--- # next\nkind: B\n")) == 2


def test_dates_and_the_equals_sign_are_text_as_kubernetes_reads_them():
    assert load("kind: A\nenum: [=, '!=']\nday: 2026-01-01\n") == [
        {"kind": "A", "enum": ["=", "!="], "day": "2026-01-01"}
    ]
