"""What an AWS environment declares passes the AWS pack, and its IAM documents grant what is ours and nothing else."""

import json
import re
from dataclasses import replace

import aws_samples as samples
import pytest

from cnai.clouds.aws import documents
from cnai.clouds.aws.karpenter_policy import controller_policy
from cnai.policy.evaluate import evaluate_all
from cnai.policy.model import NO_CONTEXT, Resource, Verdict
from cnai.policy.packs import packs, rules_of
from recording import record

QUEUE, ROLE = "arn:aws:sqs:us-east-1:111122223333:queue", "arn:aws:iam::111122223333:role/nodes"
KARPENTER = controller_policy(
    cluster="prod",
    cluster_arn="arn:aws:eks:us-east-1:111122223333:cluster/prod",
    region="us-east-1",
    node_role_arn=ROLE,
    queue_arn=QUEUE,
)
READS = ("Describe", "Get", "List", "Receive")


@pytest.fixture(scope="module")
def found():
    return record(samples.cluster, "cnai", "prod")


def judged(registered):
    resources = [
        Resource({**each.inputs, "id": f"{each.name}-id"}, type=each.type, logical_name=each.name)
        for each in registered
    ]
    rules = rules_of([packs()["aws"], packs()["cost"]]).values()
    return [each for each in evaluate_all(rules, resources, NO_CONTEXT) if each.verdict is not Verdict.PASS]


def test_nothing_that_is_declared_breaks_a_rule_for_aws(found):
    assert [(each.rule, each.resource and each.resource.id, each.message) for each in judged(found)] == []


def test_the_pack_would_see_it_if_something_did(found):
    opened = [
        replace(each, inputs={**each.inputs, "vpcConfig": {"endpointPublicAccess": True}})
        if each.type == "aws:eks/cluster:Cluster"
        else each
        for each in found
        if each.type != "aws:ec2/flowLog:FlowLog"
    ]
    assert {each.rule for each in judged(opened)} == {"awsEksEndpoint", "awsFlowLogs"}


def test_every_document_is_one_that_iam_takes(found):
    texts = [
        each.inputs[key]
        for each in found
        for key in ("policy", "assumeRolePolicy")
        if each.type.startswith("aws:") and key in each.inputs and "lifecycle" not in each.type
    ]
    assert len(texts) == 15
    for text in texts:
        document = json.loads(text)
        assert document["Version"] == "2012-10-17"
        assert "None" not in text
        assert len({each.get("Sid", index) for index, each in enumerate(document["Statement"])}) == len(
            document["Statement"]
        )


@pytest.fixture
def account(monkeypatch):
    """An AWS account in this process, which refuses the documents that IAM and ECR refuse."""
    moto, boto3 = pytest.importorskip("moto"), pytest.importorskip("boto3")
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    with moto.mock_aws():
        yield lambda service: boto3.client(service, region_name="us-east-1")


def test_iam_takes_every_document_that_says_what_its_holder_may_do(found, account):
    iam = account("iam")
    rights = [each for each in found if each.type == "aws:iam/rolePolicy:RolePolicy"]
    assert len(rights) == 3
    for each in rights:
        # What is an ARN in truth is the name of one in a recording.
        text = re.sub(r'"([a-z-]+)-arn(["/:])', r'"arn:aws:s3:::\1\2', each.inputs["policy"])
        iam.create_policy(PolicyName=each.name, PolicyDocument=text)
    with pytest.raises(Exception, match="MalformedPolicyDocument"):
        iam.create_policy(PolicyName="bad", PolicyDocument=rights[0].inputs["policy"].replace("Action", "Act"))


def test_ecr_takes_the_lifecycle_of_images(found, account):
    ecr = account("ecr")
    ecr.create_repository(repositoryName="prod/training")
    text = next(each.inputs["policy"] for each in found if each.type == "aws:ecr/lifecyclePolicy:LifecyclePolicy")
    ecr.put_lifecycle_policy(repositoryName="prod/training", lifecyclePolicyText=text)


def test_karpenters_rights_fit_into_an_inline_policy():
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    assert len(json.dumps(KARPENTER, separators=(",", ":"))) < 10_240


def test_karpenter_changes_only_what_carries_the_clusters_tag():
    """What has no tag of a cluster is what every launch refers to, a queue and a role of our own."""
    free = {"LaunchFrom", "Interruptions", "PassNodeRole"}
    for each in KARPENTER["Statement"]:
        writes = [action for action in each["Action"] if not action.partition(":")[2].startswith(READS)]
        if not writes or each["Sid"] in free:
            continue
        tags = each["Condition"]["StringEquals"]
        assert any(key.endswith("Tag/kubernetes.io/cluster/prod") and value == "owned" for key, value in tags.items())
        assert "StringLike" in each["Condition"]


def test_karpenter_passes_one_role_and_only_to_ec2():
    passing = [each for each in KARPENTER["Statement"] if "iam:PassRole" in each["Action"]]
    assert [each["Resource"] for each in passing] == [[ROLE]]
    assert passing[0]["Condition"] == {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com"]}}


def test_a_role_for_pods_is_that_one_service_accounts():
    trust = documents.trusts_pods("research", "trainer")["Statement"][0]
    assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {
        "aws:RequestTag/kubernetes-namespace": "research",
        "aws:RequestTag/kubernetes-service-account": "trainer",
    }


def test_a_team_reads_models_and_writes_only_below_its_own_name(found):
    text = next(each.inputs["policy"] for each in found if each.name == "buckets-research-policy")
    rights = {each["Sid"]: each for each in json.loads(text)["Statement"]}
    models, data, key = "buckets-models-arn", "buckets-data-arn", "buckets-arn"
    assert rights["ReadModels"]["Action"] == ["s3:GetObject"]
    assert rights["ReadModels"]["Resource"] == [f"{models}/*"]
    assert rights["OwnData"]["Resource"] == [f"{data}/research/*"]
    assert rights["ListOwnData"]["Condition"] == {"StringLike": {"s3:prefix": ["research/*", "research/"]}}
    assert rights["UseTheKey"]["Resource"] == [key]
    writers = [sid for sid, each in rights.items() if "s3:PutObject" in each["Action"]]
    assert writers == ["OwnData"]


def test_a_team_gets_its_role_through_pod_identity_with_the_clouds_own_provider(found):
    made = next(each for each in found if each.name == "buckets-research" and "podIdentity" in each.type)
    assert (made.inputs["namespace"], made.inputs["serviceAccount"]) == ("research", "trainer")
    assert made.inputs["clusterName"] == "prod"
    assert made.options["provider"] == "pulumi:providers:aws::cluster-aws"
    assert "aws:iam/rolePolicy:RolePolicy::buckets-research-policy" in made.options["dependsOn"]


@pytest.mark.parametrize("purpose", ["models", "data", "backups"])
def test_every_bucket_is_versioned_encrypted_closed_and_kept(found, purpose):
    name = f"buckets-{purpose}"
    about = {each.type.rpartition(":")[2]: each for each in found if each.name == name}
    assert about["Bucket"].inputs == {"bucketPrefix": f"prod-{purpose}-"}
    assert about["Bucket"].options["protect"] is True
    assert about["BucketVersioning"].inputs["versioningConfiguration"] == {"status": "Enabled"}
    rule = about["BucketServerSideEncryptionConfiguration"].inputs["rules"][0]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "buckets-arn"}
    closed = about["BucketPublicAccessBlock"].inputs
    assert {key for key, value in closed.items() if value is True} == set(closed) - {"bucket"}
    assert len(closed) == 5
    denial = json.loads(about["BucketPolicy"].inputs["policy"])["Statement"][0]
    assert (denial["Effect"], denial["Resource"]) == ("Deny", [f"{name}-arn", f"{name}-arn/*"])
    assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert about["BucketLifecycleConfiguration"].inputs["rules"][0]["noncurrentVersionExpiration"]


def test_what_is_disposable_is_not_protected(declared):
    found = declared(lambda: samples.cluster(disposable=True))
    assert [each.key for each in found if each.options.get("protect")] == []
    assert not any(each.inputs.get("forceDestroy") for each in found)


def test_images_are_scanned_cannot_be_overwritten_and_go_when_nothing_names_them(found):
    repositories = [each for each in found if each.type == "aws:ecr/repository:Repository"]
    assert [each.inputs["name"] for each in repositories] == ["prod/training", "prod/inference"]
    for each in repositories:
        assert each.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
        assert each.inputs["imageTagMutability"] == "IMMUTABLE"
    policies = [each for each in found if each.type == "aws:ecr/lifecyclePolicy:LifecyclePolicy"]
    assert len(policies) == len(repositories)
    rules = json.loads(policies[0].inputs["policy"])["rules"]
    assert [each["selection"]["tagStatus"] for each in rules] == ["untagged", "tagged"]
    assert [each["rulePriority"] for each in rules] == [1, 2]
