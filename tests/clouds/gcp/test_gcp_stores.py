"""Images and buckets: never public, encrypted, and each team in its own part."""

import pytest
from gcp_sample import of_type, stores

from cnai.clouds.gcp.buckets import below
from cnai.clouds.gcp.identity import principal

BUCKET, GRANT = "gcp:storage/bucket:Bucket", "gcp:storage/bucketIAMMember:BucketIAMMember"
RESEARCH = (
    "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/"
    "acme-ai-prod.svc.id.goog/subject/ns/research-ns/sa/trainer"
)


@pytest.fixture
def found(declared):
    return declared(stores)


def test_there_is_a_bucket_for_each_purpose_that_cannot_become_public(found):
    buckets = of_type(found, BUCKET)
    assert set(buckets) == {"buckets-models", "buckets-data", "buckets-backups"}
    for each in buckets.values():
        assert each.inputs["publicAccessPrevention"] == "enforced"
        assert each.inputs["uniformBucketLevelAccess"] is True
        assert each.inputs["versioning"] == {"enabled": True}
        assert each.inputs["softDeletePolicy"] == {"retentionDurationSeconds": 604800}
        assert each.inputs["encryption"] == {"defaultKmsKeyName": "cluster-keys-storage-id"}
        assert each.inputs["forceDestroy"] is False
        assert each.options["protect"]
        assert (
            "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember::cluster-keys-storage-gs-project-accounts"
            in (each.options["dependsOn"])
        )


def test_only_backups_get_colder(found):
    kinds = {
        name: [rule["action"]["type"] for rule in each.inputs["lifecycleRules"]]
        for name, each in of_type(found, BUCKET).items()
    }
    assert "SetStorageClass" in kinds["buckets-backups"]
    assert "SetStorageClass" not in kinds["buckets-models"] + kinds["buckets-data"]
    assert all("Delete" in each for each in kinds.values())


def test_only_versions_that_were_overwritten_are_deleted(found):
    for each in of_type(found, BUCKET).values():
        for rule in each.inputs["lifecycleRules"]:
            if rule["action"]["type"] == "Delete":
                assert rule["condition"] == {"daysSinceNoncurrentTime": 30, "withState": "ARCHIVED"}


def test_a_disposable_environment_takes_its_buckets_along(declared):
    for each in of_type(declared(lambda: stores(disposable=True)), BUCKET).values():
        assert each.inputs["forceDestroy"] is True
        assert each.inputs["softDeletePolicy"] == {"retentionDurationSeconds": 0}
        assert "protect" not in each.options


def test_without_keys_of_ones_own_nothing_names_one(declared):
    found = declared(lambda: stores(cmek=False))
    assert all("encryption" not in each.inputs for each in of_type(found, BUCKET).values())
    (repository,) = of_type(found, "gcp:artifactregistry/repository:Repository").values()
    assert "kmsKeyName" not in repository.inputs


def test_a_team_reads_models_and_writes_below_its_own_name_only(found):
    grants = of_type(found, GRANT)
    assert {each.inputs["member"] for each in grants.values()} == {RESEARCH}
    models, data = grants["buckets-research-models"].inputs, grants["buckets-research-data"].inputs
    assert models["role"] == "roles/storage.objectViewer"
    assert data["role"] == "roles/storage.objectUser"
    assert data["condition"]["expression"] == below("buckets-data-name", "research")["expression"]
    assert data["bucket"] == "buckets-data-name"


def test_a_team_is_not_let_into_one_whose_name_begins_like_its_own():
    expression = below("data", "research")["expression"]
    assert 'startsWith("projects/_/buckets/data/objects/research/")' in expression
    assert 'objectListPrefix", "").startsWith("research/")' in expression


def test_a_principal_is_one_service_account_of_one_namespace():
    assert principal("acme-ai-prod", 123456789012, "research-ns", "trainer") == RESEARCH


def test_images_are_scanned_kept_as_they_are_and_read_by_nodes(found):
    (repository,) = of_type(found, "gcp:artifactregistry/repository:Repository").values()
    assert repository.inputs["dockerConfig"] == {"immutableTags": True}
    assert repository.inputs["vulnerabilityScanningConfig"] == {"enablementConfig": "INHERITED"}
    assert repository.inputs["kmsKeyName"] == "cluster-keys-storage-id"
    assert [each["action"] for each in repository.inputs["cleanupPolicies"]] == ["DELETE", "KEEP"]
    (reader,) = of_type(found, "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember").values()
    assert reader.inputs["role"] == "roles/artifactregistry.reader"
    assert reader.inputs["member"].endswith("cnai-gcp-prod-nodes@acme-ai-prod.iam.gserviceaccount.com")
    scanning = [each for each in of_type(found, "gcp:projects/service:Service") if "containerscanning" in each]
    assert scanning


def test_the_registrys_address_is_what_docker_takes(declared):
    import pulumi
    from gcp_sample import cluster

    got = []

    def program():
        cluster({}).registry("registry", pulumi.ResourceOptions()).url.apply(got.append)

    declared(program)
    assert got == ["us-central1-docker.pkg.dev/acme-ai-prod/cnai-gcp-prod"]
