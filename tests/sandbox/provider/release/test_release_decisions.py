"""Inputs, names, recovery and what Helm says: everything that needs neither Helm nor a cluster."""

import base64
import gzip
import json

import pytest

from cnai.charts.helm import said
from cnai.charts.inputs import Release, checked, source_of
from cnai.paths import SandboxDir
from cnai.plugin.values import UNKNOWN
from cnai.sandbox.provider.release import ReleaseResource
from cnai.sandbox.provider.release.outputs import resource_names
from cnai.sandbox.provider.release.ownership import owner_label
from cnai.sandbox.provider.release.records import Recovery, Revision, decoded, last_deployed, recovery

URN = "urn:pulumi:test::test::kubernetes:helm.sh/v3:Release::app"


def check(news, olds=()):
    return checked(URN, dict(olds), news, "default", lambda name: f"{name}-1a2b3c4d")


def test_a_release_without_a_name_gets_one_and_keeps_it():
    inputs, failures = check({"chart": "a"})
    assert (inputs["name"], inputs["namespace"], inputs["timeout"], failures) == ("app-1a2b3c4d", "default", 300, [])
    assert check({"chart": "a"}, olds={"name": "app-other"})[0]["name"] == "app-other"
    assert check({"chart": "a", "name": "mine"}, olds={"name": "app-other"})[0]["name"] == "mine"


def test_a_name_that_helm_would_refuse_is_refused_before_anything_exists():
    assert check({"chart": "a", "name": "x" * 54})[1][0][0] == "name"
    assert check({"chart": "a", "name": "Upper"})[1][0][0] == "name"
    assert check({"chart": "a", "name": UNKNOWN})[1] == []
    assert check({})[1][0][0] == "chart"


def test_values_files_lie_under_the_values_and_a_later_file_over_an_earlier_one(tmp_path):
    (tmp_path / "b.yaml").write_text("b: 2\nboth: {x: file}")
    files = [{"text": "a: 1\nb: 1\nboth: {x: text, y: text}"}, {"path": str(tmp_path / "b.yaml")}]
    inputs, failures = check({"chart": "a", "valueYamlFiles": files, "values": {"both": {"y": "given"}}})
    assert inputs["values"] == {"a": 1, "b": 2, "both": {"x": "file", "y": "given"}}
    assert "valueYamlFiles" not in inputs
    assert failures == []
    assert check({"chart": "a", "valueYamlFiles": [{"text": "- 1"}]})[1][0][0] == "valueYamlFiles"
    assert check({"chart": "a", "valueYamlFiles": [{"path": "/nowhere"}]})[1][0][0] == "valueYamlFiles"


def test_a_change_of_name_or_namespace_is_another_release_and_all_else_an_upgrade(tmp_path):
    resource = ReleaseResource(tmp_path / "none", None, SandboxDir(tmp_path))
    old = {"name": "a", "namespace": "b", "values": {"x": 1}}
    assert not resource.diff("b/a", old, {}, dict(old)).changes
    upgrade = resource.diff("b/a", old, {}, old | {"values": {"x": 2}, "version": "2"})
    assert (upgrade.changes, upgrade.replaces) == (True, ())
    assert set(upgrade.detailed) == {"values.x", "version"}
    assert resource.diff("b/a", old, {}, old | {"namespace": "c"}).replaces == ("namespace",)
    assert resource.create(URN, old, True, 0)[1]["status"] is UNKNOWN


def test_switches_become_helms_flags_and_nobody_waits_who_does_not_want_to():
    flags = Release({"waitForJobs": True, "cleanupOnFail": True, "maxHistory": 0}).flags()
    assert flags == ["--cleanup-on-fail", "--history-max", "0", "--wait", "--wait-for-jobs"]
    assert Release({"skipAwait": True, "waitForJobs": True}).flags() == []
    assert "--wait" in Release({"skipAwait": True, "atomic": True}).flags()


def test_the_resource_options_timeout_goes_before_the_releases_own():
    assert Release({"timeout": 60}).timeout_s(0) == 60
    assert Release({"timeout": 60}).timeout_s(10) == 10
    assert Release({}).timeout_s(0) == 300


def test_credentials_of_a_repository_go_to_the_pull_only():
    source = source_of({"chart": "a", "repositoryOpts": {"repo": "https://x", "username": "u", "password": "p"}})
    assert source.pull_arguments == ("a", "--repo", "https://x", "--password", "p", "--username", "u")
    assert "p" not in str(source).split()


@pytest.mark.parametrize(
    ("history", "wanted"),
    [
        ([], Recovery("nothing")),
        (["deployed"], Recovery("nothing")),
        (["failed"], Recovery("nothing")),
        (["pending-install"], Recovery("uninstall")),
        (["failed", "pending-upgrade"], Recovery("uninstall")),
        (["deployed", "pending-upgrade"], Recovery("rollback", 1)),
        (["superseded", "deployed", "failed", "pending-rollback"], Recovery("rollback", 2)),
        (["deployed", "uninstalling"], Recovery("uninstall")),
    ],
)
def test_only_what_a_dead_helm_left_half_done_is_undone(history, wanted):
    revisions = [Revision(number, status) for number, status in enumerate(history, start=1)]
    assert recovery(reversed(revisions)) == wanted


def test_a_failed_upgrade_goes_back_to_what_is_still_deployed():
    assert last_deployed([Revision(1, "superseded"), Revision(2, "deployed"), Revision(3, "failed")]) == 2
    assert last_deployed([Revision(1, "failed")]) is None


def test_helms_own_record_is_read_as_helm_wrote_it():
    body = {
        "name": "app",
        "namespace": "here",
        "version": 3,
        "info": {"status": "deployed", "description": "Upgrade complete"},
        "chart": {"metadata": {"name": "small", "version": "1.2.3", "annotations": {"cnai.dev/stand-in": "true"}}},
        "config": {"a": 1},
        "manifest": "kind: A",
    }
    data = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(body).encode()))).decode()
    record = decoded({"data": {"release": data}})
    assert (record.revision, record.status, record.values, record.hooks) == (3, "deployed", {"a": 1}, ())
    assert record.is_stand_in


def test_resource_names_are_spelled_as_upstream_spells_them():
    manifest = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: x}\n---\n"
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n---\n"
        "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\n"
    )
    assert resource_names(manifest) == {"Deployment.apps/apps/v1": ["a", "x/b"], "Secret/v1": ["c"]}


def test_helms_warnings_are_no_part_of_what_it_says():
    stderr = (
        "WARNING: Kubernetes configuration file is group-readable.\n"
        "W1124 07:31:41.000001  123 warnings.go:70] v1 Endpoints is deprecated\n"
        "coalesce.go:298: warning: cannot overwrite table with non table\n"
        "Error: UPGRADE FAILED: values don't meet the specifications of the schema(s):\n- (root): a is required\n"
    )
    assert said(stderr) == "values don't meet the specifications of the schema(s):\n- (root): a is required"


def test_owner_labels_fit_and_differ_even_where_names_are_long():
    long = [owner_label("n" * 60, f"{'r' * 50}{number}") for number in range(2)]
    assert long[0] != long[1]
    assert {len(label.partition("/")[2]) for label in long} == {63}
    assert owner_label("here", "app") == "release.cnai.dev/here.app"
