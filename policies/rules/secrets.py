"""Secrets where everybody can read them: env literals, arguments, ConfigMaps."""

from collections.abc import Iterator
from typing import Any

from cnai.policy.credentials import credential, formatted
from cnai.policy.fields import careful, found, text
from cnai.policy.model import Context, Finding, Resource, Rule, Severity, undecided, violation
from cnai.policy.values import Unknown
from cnai.policy.walking import WrongType
from cnai.policy.workloads import templates

KINDS = {
    "spec.initContainers[*]": "init container",
    "spec.containers[*]": "container",
    "spec.ephemeralContainers[*]": "container",
}
SECRETS = {"nsa-cisa": ("network-separation",), "soc2": ("CC6.1",)}
"""The hardening guide has its section on Secrets in the chapter on network separation."""


@careful
def _in_env(resource: Resource, _: Context) -> Iterator[Finding]:
    for _place, template in templates(resource.kind, resource.body):
        for path, label in KINDS.items():
            for container in found(template, path):
                item = f"{label} {container.name}".strip()
                if isinstance(container.value, Unknown):
                    yield undecided(f"{item} depends on a value that is not known yet", item)
                else:
                    yield from _env(item, container.value)
                    yield from _arguments(item, container.value)


def _env(item: str, container: Any) -> Iterator[Finding]:
    for each in found(container, "env[*]"):
        if isinstance(each.value, Unknown):
            yield undecided(f"{item} has env that is not known yet", item)
            continue
        name, value = text(each.value, "name"), text(each.value, "value")
        called = name if isinstance(name, str) else ""
        if isinstance(value, Unknown):
            yield undecided(f"{item} has a value for env {called} that is not known yet", item)
        elif value is not None and (what := credential(value, called)):
            yield violation(f"{item} must not have {what} as a literal value of env {called}".rstrip(), item)
        elif value is not None and isinstance(name, Unknown) and credential(value, "PASSWORD"):
            yield undecided(f"{item} has a literal in env whose name is not known yet", item)


def _arguments(item: str, container: Any) -> Iterator[Finding]:
    for path in ("command[*]", "args[*]"):
        for each in found(container, path):
            if isinstance(each.value, Unknown):
                yield undecided(f"{item} has {path.removesuffix('[*]')} that are not known yet", item)
            elif not isinstance(each.value, str):
                raise WrongType(path, each.value, "text")
            elif what := formatted(each.value):
                yield violation(f"{item} must not have {what} in {path.removesuffix('[*]')}", item)


@careful
def _in_config_map(resource: Resource, _: Context) -> Iterator[Finding]:
    for each in found(resource.body, "data['*']"):
        if isinstance(each.value, Unknown):
            yield undecided(f"key {each.name} is not known yet", each.name)
        elif not isinstance(each.value, str):
            raise WrongType(f"data.{each.name}", each.value, "text")
        elif what := formatted(each.value):
            yield violation(f"key {each.name} must not hold {what}", each.name)


RULES = [
    Rule(
        id="secretsInEnv",
        title="No secrets in env literals",
        why="A literal is readable by all who may see the pod, and stays in the history of every tool that saw it.",
        severity=Severity.CRITICAL,
        remediation="Put it in a Secret, use valueFrom.secretKeyRef or a volume, and rotate it.",
        frameworks=SECRETS,
        applies=("pod",),
        predicate=_in_env,
    ),
    Rule(
        id="secretsInConfigMaps",
        title="No secrets in ConfigMaps",
        why="ConfigMaps are not encrypted, and roles without access to Secrets can read them.",
        severity=Severity.CRITICAL,
        remediation="Move the key into a Secret, and rotate it.",
        frameworks=SECRETS,
        applies=("ConfigMap",),
        predicate=_in_config_map,
    ),
]
