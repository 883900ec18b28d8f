"""What a cloud refuses that neither its schema nor moto knows: one function per rule, by type."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from cnai.plugin.values import Computed
from cnai.sandbox.cloud.account import Account
from cnai.sandbox.cloud.schemas import Problem
from cnai.sandbox.cloud.templates import MISSING, at

Rule = Callable[[Account, Mapping[str, Any]], Iterator[Problem]]
_RULES: dict[str, list[Rule]] = {}


def rules_of(token: str) -> list[Rule]:
    return _RULES.get(token, [])


def rule(*tokens: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        for token in tokens:
            _RULES.setdefault(token, []).append(function)
        return function

    return register


def _given(inputs: Mapping[str, Any], path: str) -> Any:
    """The value, or None where it is not there or not known yet."""
    value = at(inputs, path)
    return None if value is MISSING or isinstance(value, Computed) else value


VERSIONS = {
    "aws:eks/cluster:Cluster": "version",
    "aws:eks/nodeGroup:NodeGroup": "version",
    "gcp:container/cluster:Cluster": "minMasterVersion",
    "gcp:container/nodePool:NodePool": "version",
    "azure-native:containerservice:ManagedCluster": "kubernetesVersion",
    "azure-native:containerservice:AgentPool": "orchestratorVersion",
}


def _version_rule(path: str) -> Rule:
    def offered(account: Account, inputs: Mapping[str, Any]) -> Iterator[Problem]:
        version = _given(inputs, path)
        minors = account.known["kubernetes"]
        if version and not any(str(version) == minor or str(version).startswith(f"{minor}.") for minor in minors):
            yield path, f"unsupported Kubernetes version {version}: this cloud offers {', '.join(minors)}"

    return offered


for _token, _path in VERSIONS.items():
    rule(_token)(_version_rule(_path))

MACHINES = {
    "aws:eks/nodeGroup:NodeGroup": "instanceTypes",
    "aws:ec2/launchTemplate:LaunchTemplate": "instanceType",
    "gcp:container/nodePool:NodePool": "nodeConfig.machineType",
    "azure-native:containerservice:AgentPool": "vmSize",
}


def _machine_rule(path: str) -> Rule:
    def in_the_tables(account: Account, inputs: Mapping[str, Any]) -> Iterator[Problem]:
        from cnai.clouds.machines import machines  # here, since most resources name none

        found, offered = _given(inputs, path), machines(account.known["cloud"])
        for machine in cast("list[Any]", found if isinstance(found, list) else [found]):
            if isinstance(machine, str) and machine not in offered:
                yield (
                    path,
                    f"machines.toml of this cloud has no {machine}: add it there, or use another",
                )

    return in_the_tables


for _token, _path in MACHINES.items():
    rule(_token)(_machine_rule(_path))

POLICIES = {
    "aws:iam/role:Role": "assumeRolePolicy",
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:kms/key:Key": "policy",
    "aws:kms/keyPolicy:KeyPolicy": "policy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "policy",
}
RESOURCE_POLICIES = frozenset(POLICIES) - {"aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy"}
"""Those that have to say whom they are for."""

_RESOURCE: Mapping[str, bool | None] = {"aws:iam/role:Role": False, "aws:ecr/repositoryPolicy:RepositoryPolicy": None}
"""Whether a statement names resources: it must, unless it must not (False) or may (None)."""


def _policy_rule(token: str, path: str) -> Rule:
    def well_formed(account: Account, inputs: Mapping[str, Any]) -> Iterator[Problem]:
        del account
        given = _given(inputs, path)
        if isinstance(given, str | dict):
            policy = cast("str | dict[str, Any]", given)
            for why in policy_problems(policy, token in RESOURCE_POLICIES, _RESOURCE.get(token, True)):
                yield path, f"MalformedPolicyDocument: {why}"

    return well_formed


for _token, _path in POLICIES.items():
    rule(_token)(_policy_rule(_token, _path))

_VERSIONS = ("2012-10-17", "2008-10-17")


def policy_problems(given: str | dict[str, Any], with_principal: bool, resource: bool | None) -> Iterator[str]:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html, as far as it is a shape."""
    try:
        document: Any = json.loads(given) if isinstance(given, str) else given
    except ValueError as error:
        yield f"not JSON ({error})"
        return
    if not isinstance(document, dict) or not document.get("Statement"):
        yield "expected an object with a Statement"
        return
    policy = cast("dict[str, Any]", document)
    if policy.get("Version", _VERSIONS[1]) not in _VERSIONS:
        yield f"Version must be {_VERSIONS[0]}, got {policy['Version']}"
    statements: Any = policy["Statement"]
    for number, each in enumerate(cast("list[Any]", statements if isinstance(statements, list) else [statements])):
        for why in _statement_problems(each, with_principal, resource):
            yield f"Statement[{number}]: {why}"


def _statement_problems(given: Any, with_principal: bool, resource: bool | None) -> Iterator[str]:
    if not isinstance(given, dict):
        yield "expected an object"
        return
    statement = cast("dict[str, Any]", given)
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield f"Effect must be Allow or Deny, got {statement.get('Effect')}"
    if not {"Action", "NotAction"} & set(statement):
        yield "it needs an Action"
    principal = bool({"Principal", "NotPrincipal"} & set(statement))
    if with_principal and not principal:
        yield "it needs a Principal, since it says who may use this resource"
    if not with_principal and principal:
        yield "a policy of an identity must not have a Principal"
    names_one = bool({"Resource", "NotResource"} & set(statement))
    if resource is False and names_one:
        yield "a trust policy must not have a Resource"
    if resource and not names_one:
        yield "it needs a Resource"
    unknown = set(statement) - _STATEMENT
    if unknown:
        yield f"it has no {', '.join(sorted(unknown))}"


_STATEMENT = frozenset(
    {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"}
)
