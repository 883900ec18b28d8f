"""An object store survives what it is sized for, and its password is nowhere to be read."""

import json
from dataclasses import replace

import pytest
import yaml

from cnai.clouds.traits import ClusterTraits
from cnai.storage.minio.component import MinIO, MinIOArgs
from cnai.storage.seaweedfs.component import SeaweedFS, SeaweedFSArgs, s3_config

TRAITS = ClusterTraits(
    kubernetes_version="1.36", storage_class="fast", load_balancer="cloud", system_selector={"cnai.dev/pool": "system"}
)
DISPOSABLE = replace(TRAITS, disposable=True)
STORES = {"minio": (MinIO, MinIOArgs), "seaweedfs": (SeaweedFS, SeaweedFSArgs)}
KINDS = pytest.mark.parametrize("kind", STORES)
RELEASE = "kubernetes:helm.sh/v3:Release"


def store(declared, *, kind, **given):
    component, args = STORES[kind]
    return {each.name: each for each in declared(lambda: component("store", args(**{"traits": TRAITS, **given})))}


def chart_values(*, kind, **given):
    component, args = STORES[kind]
    return component.values(args(**{"traits": TRAITS, **given}))


def test_minio_is_one_server_on_a_disposable_cluster_and_four_elsewhere():
    small = chart_values(traits=DISPOSABLE, kind="minio")
    large = chart_values(kind="minio")
    assert (small["mode"], small["replicas"]) == ("standalone", 1)
    assert (large["mode"], large["replicas"], large["podDisruptionBudget"]) == ("distributed", 4, {"enabled": True})


def test_seaweedfs_keeps_a_second_copy_as_soon_as_there_is_a_second_server():
    for servers, copies in ((1, "000"), (2, "001"), (3, "001")):
        values = chart_values(kind="seaweedfs", servers=servers)
        assert values["global"]["seaweedfs"]["replicationPlacement"] == copies
        assert values["volume"]["replicas"] == servers


@pytest.mark.parametrize(("servers", "masters"), [(1, 1), (2, 1), (3, 3), (5, 3)])
def test_seaweedfs_masters_can_always_form_a_majority(servers, masters):
    assert chart_values(kind="seaweedfs", servers=servers)["master"]["replicas"] == masters


def test_everything_is_kept_on_volumes_of_the_clusters_class_on_system_nodes():
    minio = chart_values(kind="minio", storage_gib=7)
    assert minio["persistence"] == {"size": "7Gi", "storageClass": "fast"}
    assert minio["nodeSelector"] == minio["postJob"]["nodeSelector"] == {"cnai.dev/pool": "system"}
    weed = chart_values(kind="seaweedfs", storage_gib=7)
    claims = [weed["master"]["data"], weed["filer"]["data"], *weed["volume"]["dataDirs"]]
    assert {(claim["type"], claim["storageClass"]) for claim in claims} == {("persistentVolumeClaim", "fast")}
    for part in ("master", "volume", "filer", "s3"):
        assert yaml.safe_load(weed[part]["nodeSelector"]) == {"cnai.dev/pool": "system"}


@KINDS
def test_the_chart_reads_the_password_from_a_secret_that_is_there_before(kind, declared):
    found = store(declared, kind=kind, root_password="hunter2")
    secret, release = found[f"store-{kind}-root"], found["store-release"]
    assert secret.inputs["data"] == "[secret]"
    assert secret.key in release.options["dependsOn"]
    assert secret.inputs["metadata"]["name"] in json.dumps(release.inputs["values"])
    assert "hunter2" not in json.dumps([each.inputs for each in found.values()])


@KINDS
def test_minios_known_default_user_is_never_there(kind, declared):
    values = store(declared, kind=kind)["store-release"].inputs["values"]
    assert "console123" not in json.dumps(values)
    assert values.get("users", []) == []


@KINDS
@pytest.mark.parametrize("disposable", [True, False])
def test_what_holds_data_is_protected_unless_the_cluster_is_disposable(kind, disposable, declared):
    found = store(declared, kind=kind, traits=replace(TRAITS, disposable=disposable))
    protected = {name for name, each in found.items() if each.options.get("protect")}
    assert protected == (set() if disposable else {"store-namespace", f"store-{kind}-root", "store-release"})


def test_a_change_of_kind_starts_with_a_secret_of_its_own(declared):
    """A made-up password is never written again, so the old kind's Secret would lack what the new one reads."""
    before, after = store(declared, kind="minio"), store(declared, kind="seaweedfs")
    secrets = [each for found in (before, after) for each in found.values() if each.type == "kubernetes:core/v1:Secret"]
    assert len({each.name for each in secrets}) == len({each.inputs["metadata"]["name"] for each in secrets}) == 2


@KINDS
def test_every_bucket_asked_for_is_made(kind):
    values = chart_values(kind=kind, buckets=("a", "b"))
    buckets = values["buckets"] if kind == "minio" else values["s3"]["createBuckets"]
    assert [bucket["name"] for bucket in buckets] == ["a", "b"]
    assert not any(bucket.get("purge") for bucket in buckets)


def test_seaweedfs_knows_its_user_by_the_keys_that_clients_get():
    (identity,) = json.loads(s3_config("platform", "hunter2"))["identities"]
    assert identity["credentials"] == [{"accessKey": "platform", "secretKey": "hunter2"}]
    assert "Admin" in identity["actions"]


@pytest.mark.parametrize(
    ("kind", "wrong", "told"),
    [
        ("minio", {"servers": 3}, "servers: MinIO runs with 1 server or at least 4, got 3"),
        ("seaweedfs", {"servers": 0}, "servers: SeaweedFS needs at least 1, got 0"),
        ("seaweedfs", {"storage_gib": 0}, "storage_gib: give at least 1, got 0"),
    ],
)
def test_a_store_that_cannot_be_is_refused(kind, wrong, told):
    with pytest.raises(ValueError, match=told):
        STORES[kind][1](traits=TRAITS, **wrong)
