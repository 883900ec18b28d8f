"""AWS's own IAM policies that moto lacks, from `tables/aws-account.toml`."""

import functools

from cnai.sandbox.cloud.tables import facts

MANAGED_BY_AWS = "arn:aws:iam::aws:policy/"


@functools.cache
def managed_policies() -> frozenset[str]:
    return frozenset(MANAGED_BY_AWS + name for name in facts("aws")["account"]["managedPolicies"])
