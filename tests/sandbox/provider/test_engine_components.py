from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import pytest

from cnai.kube import Kube

pytestmark = pytest.mark.sandbox
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: components}\n"
KUSTOMIZATION = "namespace: components\nnamePrefix: k-\nresources: [config.yaml]\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: '1'}\n"
DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.cnai.test}
spec:
  group: cnai.test
  names: {kind: Gadget, plural: gadgets}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
TEMPLATES = """
apiVersion: cnai.test/v1
kind: Gadget
metadata: {name: gadget}
spec: {size: {{ .Values.size }}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: gadgets}
webhooks:
- name: gadgets.cnai.test
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {service: {name: nobody, namespace: nowhere}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    files = {
        "kustomize/kustomization.yaml": KUSTOMIZATION,
        "kustomize/config.yaml": CONFIG,
        "chart/Chart.yaml": "apiVersion: v2\nname: toy\nversion: 1.0.0\n",
        "chart/crds/gadgets.yaml": DEFINITION,
        "chart/templates/all.yaml": TEMPLATES,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_components_make_children_of_their_own_in_an_order_that_works(stack, kube: Kube, sources: Path):
    def program() -> None:
        # The ConfigMap stands before its namespace.
        group = k8s.yaml.v2.ConfigGroup(
            "group", yaml=f"{CONFIG.replace('{name', '{namespace: components, name')}---\n{NAMESPACE}"
        )
        after = pulumi.ResourceOptions(depends_on=[group])
        k8s.kustomize.v2.Directory("directory", directory=str(sources / "kustomize"), opts=after)
        k8s.helm.v4.Chart(
            "toy", chart=str(sources / "chart"), namespace="components", values={"size": 3}, skip_await=True, opts=after
        )
        pulumi.export("children", group.resources.apply(len))

    assert stack.preview(program)["create"] == 9
    assert stack.up(program) == {"create": 9}
    assert stack.inner.outputs()["children"].value == 2

    state = stack.resources()
    child = state["group:components/config"]
    assert child["parent"] == state["group"]["urn"]
    assert state["group:components"]["urn"] in child["dependencies"]
    assert state["toy:gadgets.cnai.test"]["urn"] in state["toy:components/gadget"]["dependencies"]
    assert state["toy:components/gadget"]["inputs"]["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
    assert state["directory:components/k-config"]["id"] == "components/k-config"
    # A webhook without a server would refuse every ConfigMap from here on.
    assert kube.list("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration") == []
    assert stack.inner.refresh().summary.resource_changes == {"same": 9}
    assert stack.up(program) == {"same": 9}

    stack.inner.destroy()
    assert kube.get("v1", "Namespace", "components") is None


def test_a_source_that_is_not_there_is_one_sentence(stack, sources: Path):
    words = stack.failing(lambda: k8s.yaml.v2.ConfigFile("file", file=str(sources / "absent.yaml")))
    assert f"{sources / 'absent.yaml'} cannot be read: No such file or directory" in words
