"""IAM policy documents: what they allow, and to whom."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from cnai.policy.fields import careful, found
from cnai.policy.model import Context, Finding, Predicate, Resource, Rule, Severity, undecided, violation
from cnai.policy.values import Unknown

IDENTITY: Mapping[str, str] = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
    "aws:iam/role:Role": "inlinePolicies[*].policy",
}
"""Type -> paths of its identity policies: what the holder may do."""
RESOURCE: Mapping[str, str] = {
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:kms/keyPolicy:KeyPolicy": "policy",
    "aws:kms/key:Key": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
}
"""Type -> paths of its resource policies: who may use it."""
TRUST: Mapping[str, str] = {"aws:iam/role:Role": "assumeRolePolicy"}
READS = re.compile(
    r"^[a-z0-9-]+:(?:Describe|List|Get|BatchGet|BatchCheck|Lookup|View|Search|Simulate|Query|Head)\w*\*?$"
)
ALL = frozenset(("*", "*:*"))


class Statement(NamedTuple):
    """An Allow statement, with every field as a list of strings."""

    actions: list[str]
    not_actions: list[str]
    resources: list[str]
    not_resources: list[str]
    principals: list[tuple[str, str]]
    """(kind, name), such as ("AWS", "*")."""
    conditions: Mapping[str, Any]


class NoDocument(Exception):
    """The value is not a policy document; says why."""


class NotKnown(Exception):
    """It depends on a value that is not known yet."""


def statements(document: Any) -> list[Statement]:
    """The Allow statements. Raises `NoDocument` and `NotKnown`."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except (ValueError, RecursionError):
            raise NoDocument("is not JSON") from None
    if not isinstance(document, Mapping):
        raise NoDocument("is not a policy document")
    listed = _get(document, "Statement")
    found = listed if isinstance(listed, list) else [listed]
    return [_statement(each) for each in found if _allows(each)]


def _get(mapping: Any, key: str) -> Any:
    """JSON has `Statement`, the SDK's typed documents may have `statement`. Raises `NotKnown`."""
    known = cast("Mapping[str, Any]", mapping)
    value = known.get(key, known.get(key[0].lower() + key[1:]))
    if isinstance(value, Unknown):
        raise NotKnown
    return value


def _allows(statement: Any) -> bool:
    if isinstance(statement, Unknown):
        raise NotKnown
    if not isinstance(statement, Mapping):
        raise NoDocument("has an invalid statement")
    return _get(statement, "Effect") != "Deny"


def _statement(given: Any) -> Statement:
    conditions = _get(given, "Condition")
    return Statement(
        actions=_texts(_get(given, "Action")),
        not_actions=_texts(_get(given, "NotAction")),
        resources=_texts(_get(given, "Resource")),
        not_resources=_texts(_get(given, "NotResource")),
        principals=_principals(_get(given, "Principal")),
        conditions=cast("Mapping[str, Any]", conditions) if isinstance(conditions, Mapping) else {},
    )


def _texts(value: Any) -> list[str]:
    values = cast("list[Any]", value) if isinstance(value, list) else [] if value is None else [value]
    if any(isinstance(each, Unknown) for each in values):
        raise NotKnown
    return [each for each in values if isinstance(each, str)]


def _principals(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        kinds = cast("Mapping[str, Any]", value)
        return [(kind, name) for kind, names in kinds.items() for name in _texts(names)]
    return [("AWS", name) for name in _texts(value)]


def wildcard_actions(one: Statement) -> str:
    if one.not_actions:
        return "must not use NotAction to allow"
    if ALL & set(one.actions):
        return "must not allow all actions"
    whole = [each for each in one.actions if each.endswith(":*")]
    return (
        f"must not allow {whole[0]} on all resources" if whole and "*" in one.resources and not one.conditions else ""
    )


def wildcard_resources(one: Statement) -> str:
    if one.not_resources:
        return "must not use NotResource to allow"
    if "*" not in one.resources or one.conditions or ALL & set(one.actions):
        return ""
    writes = [each for each in one.actions if not READS.match(each) and not each.endswith(":*") and each not in FREE]
    return f"must name the resources of {writes[0]}" if writes else ""


FREE = frozenset(("sts:GetCallerIdentity", "ecr:GetAuthorizationToken", "cloudwatch:PutMetricData", "ec2messages:*"))
"""Actions without resource-level permissions in AWS."""


def pass_role(one: Statement) -> str:
    passes = [each for each in one.actions if each.lower() in ("iam:passrole", "iam:pass*", "iam:*", "*", "*:*")]
    if not passes or "iam:PassedToService" in json.dumps(list(_keys(one.conditions))):
        return ""
    wide = [each for each in one.resources if each == "*" or each.endswith((":role/*", ":*"))]
    return "must not pass every role (iam:PassRole)" if wide else ""


def _keys(conditions: Mapping[str, Any]) -> Iterator[str]:
    for inner in conditions.values():
        if isinstance(inner, Mapping):
            yield from cast("Mapping[str, Any]", inner)


def public(one: Statement) -> str:
    everybody = any(kind == "AWS" and name == "*" for kind, name in one.principals)
    return "must not allow everybody (Principal *)" if everybody and not one.conditions else ""


def trusting(one: Statement) -> str:
    if public(one):
        return "must not be assumed by everybody (Principal *)"
    federated = any(
        kind == "Federated" and ("oidc" in name or "token.actions" in name) for kind, name in one.principals
    )
    limited = any(key.endswith(":sub") for key in _keys(one.conditions))
    return "must say which subject of its OIDC provider may assume it" if federated and not limited else ""


def _judge(places: Mapping[str, str], verdict: Callable[[Statement], str]) -> Predicate:
    def judged(resource: Resource, _: Context) -> Iterator[Finding]:
        for each in found(resource.body, places[resource.kind]):
            where = places[resource.kind].partition("[")[0]
            try:
                if isinstance(each.value, Unknown):
                    raise NotKnown
                told = dict.fromkeys(filter(None, map(verdict, statements(each.value))))
            except NotKnown:
                yield undecided(f"{where} depends on a value that is not known yet", where)
                continue
            except NoDocument as wrong:
                told = {f"{wrong}": None}
            for message in told:
                yield violation(f"{where} {message}", where)

    return careful(judged)


IAM = {"soc2": ("CC6.3",)}
RULES = [
    Rule(
        id="awsIamActions",
        title="IAM policies name their actions",
        why="A wildcard grants what nobody intended, and every action that AWS adds.",
        severity=Severity.CRITICAL,
        remediation="List the actions needed.",
        frameworks={"cis-aws": ("1.16",), **IAM},
        applies=tuple(IDENTITY),
        predicate=_judge(IDENTITY, wildcard_actions),
    ),
    Rule(
        id="awsIamResources",
        title="IAM policies name the resources they change",
        why="Write access to all resources includes those of other clusters and teams in the account.",
        severity=Severity.MEDIUM,
        remediation="Name the resources by ARN, or add a Condition such as aws:ResourceTag.",
        frameworks=IAM,
        applies=tuple(IDENTITY),
        predicate=_judge(IDENTITY, wildcard_resources),
    ),
    Rule(
        id="awsIamPassRole",
        title="No policy can pass every role",
        why="Anyone who may pass any role to a machine gets the permissions of the most powerful one.",
        severity=Severity.CRITICAL,
        remediation="Name the roles, and add the Condition iam:PassedToService.",
        frameworks=IAM,
        applies=tuple(IDENTITY),
        predicate=_judge(IDENTITY, pass_role),
    ),
    Rule(
        id="awsPublicPolicies",
        title="No bucket, queue, key or repository is open to everybody",
        why="Principal * is anyone on the internet, not everybody in the account.",
        severity=Severity.CRITICAL,
        remediation="Name the principals, or add a Condition such as aws:PrincipalOrgID.",
        frameworks={"cis-aws": ("2.1.4",), "soc2": ("CC6.1", "CC6.6")},
        applies=tuple(RESOURCE),
        predicate=_judge(RESOURCE, public),
    ),
    Rule(
        id="awsRoleTrust",
        title="Roles say who may assume them",
        why="A trust policy without a subject lets every pod, or anyone's repository, assume the role.",
        severity=Severity.CRITICAL,
        remediation="Name the principal, and for OIDC the subject (Condition ...:sub).",
        frameworks={"cis-eks": ("5.2.1",), "soc2": ("CC6.1",)},
        applies=tuple(TRUST),
        predicate=_judge(TRUST, trusting),
    ),
]
