"""The state bucket and its key on AWS, against moto."""

import json

import boto3
import pytest
from moto import mock_aws

from cnai.clouds.aws.settings import AwsSettings
from cnai.errors import FailedError, UserError
from cnai.operations.bootstrap import bootstrap

SETTINGS = AwsSettings(region="eu-central-1")


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield


def make(bucket=""):
    return bootstrap("prod", "aws", SETTINGS, bucket)


def name(store):
    return store.backend.removeprefix("s3://").partition("?")[0]


def test_the_bucket_is_versioned_encrypted_private_tls_only_and_forgets_old_versions_in_time():
    bucket, s3 = name(make()), boto3.client("s3", region_name="eu-central-1")
    key = boto3.client("kms", region_name="eu-central-1").describe_key(KeyId="alias/cnai-prod")["KeyMetadata"]
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "eu-central-1"
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key["Arn"]}
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (old,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}


def test_the_key_rotates_and_both_lines_name_what_was_made():
    store, kms = make(), boto3.client("kms", region_name="eu-central-1")
    key = kms.describe_key(KeyId="alias/cnai-prod")["KeyMetadata"]["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    login, init = store.commands("prod")
    assert login == "pulumi login 's3://cnai-prod-123456789012?region=eu-central-1&awssdk=v2'"
    assert "'awskms://alias/cnai-prod?region=eu-central-1&awssdk=v2'" in init


def test_a_second_run_changes_nothing():
    first = make()
    assert len(first.changes) == 9
    assert make().changes == ()


def test_what_somebody_loosened_is_set_again_and_nothing_else():
    bucket, s3 = name(make()), boto3.client("s3", region_name="eu-central-1")
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert make().changes == ("versioning", "TLS only")


def test_a_bucket_of_somebody_else_is_refused_before_a_key_is_made():
    other = boto3.client("sts").assume_role(RoleArn="arn:aws:iam::222222222222:role/x", RoleSessionName="other")
    given = other["Credentials"]
    boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    ).create_bucket(Bucket="taken-by-them")
    with pytest.raises(UserError, match="taken-by-them belongs to another account: name another with --bucket"):
        make("taken-by-them")
    assert boto3.client("kms", region_name="eu-central-1").list_keys()["Keys"] == []


def test_a_key_on_its_way_out_is_not_built_on():
    make()
    kms = boto3.client("kms", region_name="eu-central-1")
    kms.schedule_key_deletion(KeyId=kms.describe_key(KeyId="alias/cnai-prod")["KeyMetadata"]["KeyId"])
    with pytest.raises(FailedError, match="PendingDeletion"):
        make()


def test_without_credentials_the_sentence_says_how_to_get_some(monkeypatch):
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(FailedError, match="no AWS credentials: set AWS_PROFILE"):
        make()


def test_a_cloud_without_buckets_says_where_else_the_state_may_lie():
    with pytest.raises(UserError, match="local has no bucket for the state"):
        bootstrap("local", "local", SETTINGS)
