"""A lock made from a chart, with Helm's part played by the test."""

from dataclasses import replace
from datetime import date

import pytest
import yaml
from small_charts import archive

from cnai.catalog import Health, ManifestsSource, Package, Source, lock
from cnai.charts.finding import Charts
from cnai.charts.offline import Offline
from cnai.errors import FailedError
from cnai.locking.digests import Digests
from cnai.locking.making import Locker
from cnai.locking.writing import text

RENDERED = """
kind: Service
metadata: {name: RELEASE-web, namespace: things}
spec: {ports: [{port: 80}]}
---
kind: Service
metadata: {name: RELEASE-dns, namespace: kube-system}
spec: {ports: [{port: 53}]}
---
kind: Pod
metadata: {name: once}
spec: {containers: [{image: "quay.io/a/b:v1"}]}
---
kind: CustomResourceDefinition
metadata: {name: things.a.io}
spec:
  group: a.io
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions: [{name: v1, served: true, storage: true}]
"""
FILES = {
    "Chart.yaml": b"name: small\n",
    "values.yaml": b"port: 1\n",
    "crds/a.yaml": b"kind: X\nmetadata: {name: things.a.io}\n",
}
PACKAGE = Package(
    name="thing", home="room/thing", kind="helm", version="1.2.3", namespace="things", licence="MIT", release="app",
    source=Source(chart="small", repository="https://charts.invalid", project="a/b"),
    health=Health(status="maintained", seen=date(2026, 1, 1)),
)  # fmt: skip


class Renders:
    """As much of Helm as is asked for."""

    cancelled = False

    def run(self, command, release, chart, *flags, timeout_s, values):
        assert (command, values.get("port")) == ("template", 2)
        assert {"--include-crds", "--skip-tests"} <= {*flags}
        return RENDERED.replace("RELEASE", release)


@pytest.fixture
def locker(tmp_path):
    (tmp_path / "small-1.2.3.tgz").write_bytes(archive(FILES))
    offline = Offline(tmp_path / "offline.json", lambda host, port: f"{host} is far")
    return Locker(Charts(tmp_path, Renders(), offline), Renders(), "1.36", Digests(offline))


def inputs(**values):
    return {
        "chart": "small",
        "version": "1.2.3",
        "repositoryOpts": {"repo": "https://charts.invalid"},
        "values": values,
    }


def test_a_lock_holds_what_the_chart_renders_in_the_package_s_own_namespace(locker):
    made = locker.lock(PACKAGE, inputs(port=2))
    assert (made.version, made.images) == ("1.2.3", ("quay.io/a/b:v1",))
    assert [service.name for service in made.services] == ["{release}-web"]
    assert [(crd.name, crd.folder) for crd in made.crds] == [("things.a.io", "crds")]
    assert (made.sets, made.keys) == ({".": "port"}, {".": "port"})


def test_a_lock_reads_back_as_it_was_and_is_the_same_when_it_is_made_again(locker):
    made = locker.lock(PACKAGE, inputs(port=2))
    assert lock.parsed(yaml.safe_load(text({"thing": made})), "lock.yaml") == {"thing": made}
    assert text({"thing": locker.lock(PACKAGE, inputs(port=2))}) == text({"thing": made})


def test_no_lock_is_made_where_the_chart_would_ignore_a_value_of_ours(locker):
    with pytest.raises(FailedError, match=r"thing: the chart would ignore.*\n +ports: .*did you mean port\?"):
        locker.lock(PACKAGE, inputs(ports=2))


def test_no_lock_is_made_where_the_chart_cannot_be_had(locker):
    with pytest.raises(FailedError, match=r"thing: its chart cannot be had \(charts.invalid is far\).*catalog pull"):
        locker.lock(PACKAGE, inputs() | {"version": "9.9.9"})


def test_manifests_are_locked_by_what_kustomize_makes_of_them(locker, monkeypatch):
    source = ManifestsSource(project="a/b", folder="config", checksum="sha256:0", paths=("config",))
    objects = [*yaml.safe_load_all(RENDERED.replace("RELEASE", "app"))]
    monkeypatch.setattr("cnai.locking.making.rendered", lambda package, kustomization: objects)
    thing = replace(PACKAGE, kind="manifests", source=source)
    made = locker.lock(thing, {"chart": "x", "values": {"kustomization": {"namePrefix": "a"}, "known": {}}})
    assert (made.chart, made.images, made.keys) == ("sha256:0", ("quay.io/a/b:v1",), {})
    assert [service.name for service in made.services] == ["app-web"]
    assert [crd.folder for crd in made.crds] == ["crds"]
    other = locker.lock(thing, {"chart": "x", "values": {"kustomization": {"namePrefix": "b"}, "known": {}}})
    assert other.values != made.values
