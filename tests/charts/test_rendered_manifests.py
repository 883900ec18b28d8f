"""What `cnai check` and `cnai render` see of a package of manifests: the objects behind its release."""

import pulumi
import pytest

from cnai.catalog.installing import install
from cnai.render.charts import Renderer
from cnai.render.environment import objects, of_declared
from cnai.render.recording import leaves, record
from kustomize_upstream import Upstream, package

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("users_tools")]


@pytest.fixture
def seen(upstream: Upstream, monkeypatch: pytest.MonkeyPatch):
    """`seen(kustomization)`: what a program that installs the package comes to."""
    known = {"widgets": package(upstream.publish("v1.0.0"))}
    for module in ("catalog.installing", "render.charts", "charts.published", "charts.packages"):
        monkeypatch.setattr(f"cnai.{module}.catalog", lambda: known)

    def run(kustomization, *, crds: bool = False):
        registered = record(
            lambda: install("widgets", "widgets", kustomization), "cnai", "local", preview=True, reads=leaves
        )
        found = of_declared(registered, "local", Renderer(crds=crds))
        return {each.body["kind"]: each.body for each in objects(found.resources)}, found.not_rendered

    return run


def test_check_sees_the_objects_of_manifests_with_their_namespaces_and_patches(seen):
    late = {"op": "add", "path": "/data/host", "value": pulumi.Output.from_input("db.example.com")}
    found, missing = seen({"patches": [{"target": {"kind": "ConfigMap"}, "patch": [late]}]})
    assert missing == ()
    assert {"Namespace", "Deployment", "ConfigMap", "Widget"} <= found.keys()
    assert found["Widget"]["metadata"]["namespace"] == "widgets"
    assert found["ConfigMap"]["data"]["host"] == "db.example.com"
    assert "CustomResourceDefinition" not in found
    assert "CustomResourceDefinition" in seen({}, crds=True)[0]


def test_manifests_out_of_reach_are_named_with_the_reason(seen, upstream: Upstream):
    upstream.close()
    found, missing = seen({})
    assert "Deployment" not in found
    assert len(missing) == 1
    assert "config of example/widgets at v1.0.0 cannot be fetched" in missing[0].reason
