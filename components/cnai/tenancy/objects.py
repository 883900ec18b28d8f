"""Manifests declared as the SDK's typed resources."""

import re
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.apiextensions import CustomResource

Manifest = Mapping[str, Any]

_CLASSES: Mapping[str, type[pulumi.CustomResource]] = {
    "ClusterRole": k8s.rbac.v1.ClusterRole,
    "ClusterRoleBinding": k8s.rbac.v1.ClusterRoleBinding,
    "LimitRange": k8s.core.v1.LimitRange,
    "Namespace": k8s.core.v1.Namespace,
    "NetworkPolicy": k8s.networking.v1.NetworkPolicy,
    "PriorityClass": k8s.scheduling.v1.PriorityClass,
    "ResourceQuota": k8s.core.v1.ResourceQuota,
    "RoleBinding": k8s.rbac.v1.RoleBinding,
    "ServiceAccount": k8s.core.v1.ServiceAccount,
}


def declare(name: str, manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """The manifest's kind decides the class; nested keys stay as Kubernetes spells them."""
    facts = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
    if typed := _CLASSES.get(manifest["kind"]):
        return typed(name, opts=opts, **{_snake(key): value for key, value in facts.items()})
    if set(facts) <= {"metadata", "spec"}:
        return CustomResource(name, api_version=manifest["apiVersion"], kind=manifest["kind"], opts=opts, **facts)
    # The SDK's class takes no other fields, though some kinds have them at the top.
    return pulumi.CustomResource(f"kubernetes:{manifest['apiVersion']}:{manifest['kind']}", name, dict(manifest), opts)


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()
