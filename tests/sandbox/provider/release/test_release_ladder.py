"""Where a chart comes from, rung by rung, with a Helm that only pretends."""

import json
import re
import tarfile
from datetime import date

import pytest
from release_charts import crd, packed, write_chart

from cnai.catalog import Crd, Health, Lock, Package, Port, Service, Source, Workload, catalog
from cnai.charts.archive import is_on, read
from cnai.charts.errors import ChartError
from cnai.charts.finding import Charts, Found, Missing
from cnai.charts.helm import HelmError
from cnai.charts.inputs import Release, source_of
from cnai.charts.offline import Offline
from cnai.charts.packages import package_for
from cnai.charts.schemas import schemas_for
from cnai.sandbox.provider.release import standin
from cnai.sandbox.provider.release.ladder import Ladder

REPO = "https://charts.example.com"
UNREACHABLE = "dial tcp: lookup charts.example.com: no such host"


class FakeHelm:
    """Pulls `chart`, or fails with `says`."""

    def __init__(self, chart=None, says=UNREACHABLE):
        self.chart, self.says, self.pulls = chart, says, []

    def run(self, *arguments, timeout_s):
        self.pulls.append(arguments)
        if self.chart is None:
            raise HelmError(self.says)
        folder = arguments[arguments.index("--destination") + 1]
        packed(self.chart, type(self.chart)(folder) / "anything.tgz")


@pytest.fixture
def chart(tmp_path):
    return write_chart(tmp_path / "chart", {"a": "kind: A"})


@pytest.fixture
def charts(tmp_path):
    def made(helm, probe=lambda host, port: ""):
        folder = tmp_path / "cache"
        return Charts(folder, helm, Offline(folder / ".offline.json", probe))

    return made


def source(**more):
    return source_of({"chart": "small", "version": "1.2.3", "repositoryOpts": {"repo": REPO}} | more)


def test_a_cached_chart_is_used_without_asking_anybody(charts, chart, tmp_path):
    packed(chart, tmp_path / "cache" / "small-1.2.3.tgz")
    found = charts(FakeHelm(), probe=None).find(source())
    assert isinstance(found, Found)
    assert found.chart.metadata["name"] == "small"


def test_what_is_pulled_once_is_in_the_cache_under_its_name_and_version(charts, chart, tmp_path):
    helm = FakeHelm(chart)
    assert isinstance(charts(helm).find(source()), Found)
    assert (tmp_path / "cache" / "small-1.2.3.tgz").is_file()
    assert isinstance(charts(FakeHelm()).find(source()), Found)
    assert [*helm.pulls[0][:5]] == ["pull", "small", "--repo", REPO, "--version"]
    assert not list((tmp_path / "cache").glob(".pull-*"))


def test_half_a_chart_in_the_cache_is_replaced(charts, chart, tmp_path):
    whole = packed(chart, tmp_path / "cache" / "small-1.2.3.tgz")
    whole.write_bytes(whole.read_bytes()[:60])
    assert isinstance(charts(FakeHelm(chart)).find(source()), Found)
    assert read(whole).metadata["version"] == "1.2.3"


def test_a_host_that_does_not_answer_is_asked_once_for_all_its_charts_and_by_all_processes(charts):
    asked = []

    def probe(host, port):
        asked.append(host)
        return f"{host} cannot be reached"

    helm = FakeHelm()
    first = charts(helm, probe)
    assert first.find(source()) == Missing("charts.example.com cannot be reached")
    assert isinstance(first.find(source(chart="other")), Missing)
    assert isinstance(charts(helm, probe).find(source(chart="third")), Missing)
    assert asked == ["charts.example.com"]
    assert helm.pulls == []


def test_a_repository_that_breaks_off_is_not_asked_again_either(charts):
    helm = FakeHelm()
    assert charts(helm).find(source()) == Missing(UNREACHABLE)
    assert isinstance(charts(helm).find(source(chart="other")), Missing)
    assert len(helm.pulls) == 1


def test_a_version_that_the_repository_does_not_have_is_an_error_not_a_stand_in(charts):
    helm = FakeHelm(says='chart "small" version "1.2.3" not found in https://charts.example.com repository')
    with pytest.raises(ChartError, match=r"small 1\.2\.3 from https://charts\.example\.com.*not found"):
        charts(helm).find(source())


def test_a_path_is_used_as_it_is_and_a_missing_one_is_named(charts, chart):
    found = charts(FakeHelm()).find(source_of({"chart": str(chart)}))
    assert isinstance(found, Found)
    assert found.path == chart
    with pytest.raises(ChartError, match=r"path \./nowhere not found"):
        charts(FakeHelm()).find(source_of({"chart": "./nowhere"}))


def test_an_oci_chart_is_pulled_by_its_full_name_and_cached_by_its_own(charts, chart, tmp_path):
    helm = FakeHelm(chart)
    charts(helm).find(source_of({"chart": "oci://ghcr.io/a/charts/small", "version": "1.2.3"}))
    assert helm.pulls[0][1:4] == ("oci://ghcr.io/a/charts/small", "--version", "1.2.3")
    assert (tmp_path / "cache" / "small-1.2.3.tgz").is_file()


def package(controller="", **locked):
    return Package(
        name="thing",
        home="room/thing",
        kind="helm",
        source=Source(chart="small", repository=REPO, project="a/b"),
        version="1.2.3",
        namespace="things",
        licence="Apache-2.0",
        health=Health(status="maintained", seen=date(2026, 1, 1)),
        controller=controller,
        lock=Lock(version="1.2.3", **locked),
    )


def release(**more):
    base = {"name": "app", "namespace": "here", "chart": "small", "version": "1.2.3", "repositoryOpts": {"repo": REPO}}
    return Release(base | more)


def ladder(charts, *packages):
    return Ladder(charts, lambda tool: None, None, {each.name: each for each in packages})


def test_a_stand_in_is_made_only_where_the_chart_cannot_be_had(charts, chart):
    thing = package()
    with ladder(charts(FakeHelm(chart)), thing).climbed(release()) as rung:
        assert (rung.kind, rung.package, rung.why) == ("chart", "thing", "")
    with ladder(charts(FakeHelm()), thing).climbed(release(version="1.2.4")) as rung:
        assert (rung.kind, rung.package, rung.why) == ("stand-in", "thing", UNREACHABLE)
        assert json.loads((rung.path / "Chart.yaml").read_text())["annotations"] == {"cnai.dev/stand-in": "true"}
    assert not rung.path.exists()


def test_a_chart_that_nothing_can_stand_in_for_is_refused_before_anything_exists(charts):
    refusal = ladder(charts(FakeHelm())).refusal(source())
    assert UNREACHABLE in refusal
    assert "give a chart by its path" in refusal
    assert ladder(charts(FakeHelm()), package()).refusal(source()) == ""


def test_charts_of_one_name_are_told_apart_by_their_repository():
    other = package()
    both = {
        "a": package(),
        "b": Package(**{**vars(other), "source": Source(chart="small", repository="oci://x/y", project="")}),
    }
    assert package_for(source(), both) is both["a"]
    assert package_for(source_of({"chart": "oci://x/y/small"}), both) is both["b"]
    assert (
        package_for(source_of({"chart": "small", "repositoryOpts": {"repo": "https://else.example.com"}}), both) is None
    )
    assert package_for(source_of({"chart": "./small"}), {"a": package()}) is None


WEB = Workload(
    kind="Deployment", name="{release}-web", image="web:1", replicas=2, ports=(Port(name="http", port=8080),),
    requests={"cpu": "100m"}, storage={"{release}-cache": "1Gi"},
)  # fmt: skip
DATABASE = Workload(kind="StatefulSet", name="{release}-db", image="db:1", storage={"data": "5Gi"})
AGENT = Workload(kind="DaemonSet", name="{release}-agent", image="agent:1", tolerates=({"operator": "Exists"},))
FRONT = Service(
    name="{release}", workload="{release}-web", type="LoadBalancer", ports=(Port(name="http", port=80, target="http"),)
)


def test_a_stand_in_has_what_the_lock_says_sized_and_marked():
    provided = package(workloads=(WEB, DATABASE, AGENT), services=(FRONT,))
    made = {obj["kind"]: obj for obj in standin.objects(provided, "app", "here")}
    assert sorted(made) == ["DaemonSet", "Deployment", "PersistentVolumeClaim", "Service", "StatefulSet"]
    assert {obj["metadata"]["labels"]["cnai.dev/stand-in"] for obj in made.values()} == {"true"}
    web = made["Deployment"]["spec"]
    assert (made["Deployment"]["metadata"]["name"], web["replicas"]) == ("app-web", 2)
    assert web["template"]["metadata"]["labels"]["cnai.dev/stand-in"] == "true"
    assert web["template"]["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "100m"}}
    assert made["PersistentVolumeClaim"]["metadata"]["name"] == "app-cache"
    assert web["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == "app-cache"
    assert made["Service"]["spec"]["selector"].items() <= web["template"]["metadata"]["labels"].items()
    assert made["Service"]["spec"]["ports"][0]["targetPort"] == "http"
    assert made["StatefulSet"]["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] == "data"
    assert made["DaemonSet"]["spec"]["template"]["spec"]["tolerations"] == [{"operator": "Exists"}]
    assert "replicas" not in made["DaemonSet"]["spec"]


@pytest.mark.parametrize("name", sorted(name for name, each in catalog().items() if each.kind == "helm"))
def test_every_package_of_the_catalog_has_a_stand_in_with_nothing_left_to_fill_in(name, tmp_path):
    standin.write(tmp_path / "made", catalog()[name], "some-release", "here")
    text = "".join(file.read_text() for file in (tmp_path / "made").rglob("*") if file.is_file())
    assert "{release}" not in text
    assert "{{" not in text


LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@pytest.mark.parametrize("name", sorted(name for name, each in catalog().items() if each.kind == "helm"))
def test_what_stands_in_is_what_the_api_server_takes(name):
    """Its rules for pods and Services that a lock could break: names that are labels, short enough and there once."""
    for obj in standin.objects(catalog()[name], catalog()[name].release_name, "here"):
        assert LABEL.fullmatch(obj["metadata"]["name"])
        if obj["kind"] == "Service":
            ports = [port.get("name", "") for port in obj["spec"]["ports"]]
            assert ports
            assert len(set(ports)) == len(ports)
        elif obj["kind"] != "PersistentVolumeClaim":
            pod = obj["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            ports = [port["name"] for port in container["ports"] if "name" in port]
            assert len(set(ports)) == len(ports)
            assert all(len(port) <= 15 for port in ports)
            assert all(LABEL.fullmatch(each["name"]) for each in container.get("volumeMounts", []))


KIND = Crd(group="example.com", kind="Thing", plural="things", scope="Namespaced", versions=("v1alpha1", "v1"))
OTHER = Crd(group="example.com", kind="Other", plural="others", scope="Cluster", versions=("v1",))


def test_schemas_come_from_the_controllers_module_then_from_the_reference_data_then_from_nowhere(tmp_path):
    share, reference = tmp_path / "share", tmp_path / "reference"
    files = [(share / "crds", "a.yaml"), (reference / "crds" / "own", "things.example.com.json")]
    for folder, file in (*files, (reference / "crds" / "another", "things.example.com.json")):
        folder.mkdir(parents=True)
        (folder / file).write_text(json.dumps(crd("example.com") | {"from": folder.parent.name, "in": folder.name}))
    rows = [f"{repo}\tcrds/{folder}/things.example.com.json" for repo, folder in (("c/d", "another"), ("A/b", "own"))]
    (reference / "crds" / "INDEX.tsv").write_text("\n".join(["repo\tfile", *rows]))
    thing = package("tool", crds=(KIND, OTHER))

    found = schemas_for(thing, lambda tool: share, reference)
    assert (found.source, found.crds[0]["from"], found.unchecked) == ("module", "share", ("Other.example.com",))
    found = schemas_for(thing, lambda tool: None, reference)
    assert (found.source, found.crds[0]["from"], found.crds[0]["in"]) == ("reference", "crds", "own")
    found = schemas_for(thing, lambda tool: None, None)
    assert (found.source, found.unchecked) == ("none", ("Thing.example.com", "Other.example.com"))
    stored = [version["name"] for version in found.crds[0]["spec"]["versions"] if version["storage"]]
    assert stored == ["v1"]


def test_crds_of_subcharts_come_only_where_the_values_leave_them_on(tmp_path):
    dependencies = ({"name": "sub", "condition": "sub.enabled"}, {"name": "nfd", "alias": "features", "tags": ["x"]})
    top = write_chart(tmp_path / "top", {}, crds=(crd("top.example.com"),), dependencies=dependencies)
    write_chart(top / "charts" / "sub", {}, crds=(crd("sub.example.com"),), name="sub")
    nfd = write_chart(tmp_path / "nfd", {}, crds=(crd("nfd.example.com"),), name="nfd")
    packed(nfd, top / "charts" / "nfd-1.tgz")
    chart = read(packed(top, tmp_path / "top.tgz"))

    def groups(values):
        return sorted(found["spec"]["group"].partition(".")[0] for found in chart.crds(values))

    assert groups({}) == ["nfd", "sub", "top"]
    assert groups({"sub": {"enabled": False}, "tags": {"x": False}}) == ["top"]
    assert groups({"tags": {"x": True}}) == ["nfd", "sub", "top"]
    assert sorted(found["spec"]["group"] for found in read(top).crds({})) == sorted(
        found["spec"]["group"] for found in chart.crds({})
    )


def test_the_first_condition_that_the_values_answer_decides():
    entry = {"condition": "a.on,b.on", "tags": ["t"]}
    assert is_on(entry, {"b": {"on": False}, "tags": {"t": True}}) is False
    assert is_on(entry, {"a": {"on": True}, "b": {"on": False}}) is True
    assert is_on(entry, {"tags": {"t": False}}) is False
    assert is_on(entry, {"a": {"on": "a string is no answer"}}) is True


def test_what_is_no_chart_is_said_to_be_none(tmp_path, charts):
    empty = tmp_path / "empty.tgz"
    with tarfile.open(empty, "w:gz"):
        pass
    with pytest.raises(ChartError, match=r"is not a chart: it has no Chart\.yaml"):
        charts(FakeHelm()).find(source_of({"chart": str(empty)}))
