"""Image rules that depend on the environment: allowed registries, and digests in production."""

from collections.abc import Iterator
from typing import Any

from cnai.policy.evaluate import evaluate
from cnai.policy.fields import careful, found
from cnai.policy.loading import data_rule
from cnai.policy.model import Context, Finding, Resource, Rule, Severity, undecided, violation
from cnai.policy.values import Unknown
from cnai.policy.workloads import templates

INJECTED = "auto"
"""What Istio's injector replaces."""

_DIGEST: dict[str, Any] = {
    "id": "imageDigest",
    "title": "Images in production are pinned by digest",
    "why": "A tag can be overwritten, so the next node may pull something other than what was tested.",
    "severity": "medium",
    "remediation": "Write the image as name:tag@sha256:digest.",
    "frameworks": {"soc2": ["CC8.1"]},
    "applies": "pod",
    "checks": [
        {
            "each": "containers",
            "where": {"path": "image", "notIn": [INJECTED]},
            "path": "image",
            "matches": "@sha256:[a-f0-9]{64}$",
            "optional": True,
            "must": "have an image with a digest",
        }
    ],
}
_BY_DATA = data_rule(_DIGEST)


def _digest(resource: Resource, context: Context) -> Iterator[Finding]:
    if context.settings.get("production") is True:
        yield from evaluate(_BY_DATA, resource)


def registry(image: str) -> str:
    """`docker.io` if none is named, as in container runtimes."""
    first, slash, _ = image.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else "docker.io"


def full_name(image: str) -> str:
    """With its registry, and `library/` where Docker Hub adds it."""
    where = registry(image)
    if image.startswith(f"{where}/"):
        return image
    return f"docker.io/{image}" if "/" in image else f"docker.io/library/{image}"


@careful
def _registries(resource: Resource, context: Context) -> Iterator[Finding]:
    allowed = [each for each in context.settings.get("registries") or () if isinstance(each, str)]
    if not allowed:
        return
    for _, template in templates(resource.kind, resource.body):
        for path in ("spec.initContainers[*]", "spec.containers[*]", "spec.ephemeralContainers[*]"):
            for container in found(template, path):
                yield from _of_container(container.name, container.value, allowed)


def _of_container(name: str, container: Any, allowed: list[str]) -> Iterator[Finding]:
    item = f"container {name}".strip()
    if isinstance(container, Unknown):
        yield undecided(f"{item} depends on a value that is not known yet", item)
        return
    for image in found(container, "image"):
        if isinstance(image.value, Unknown):
            yield undecided(f"{item} has an image that is not known yet", item)
        elif not isinstance(image.value, str):
            yield violation(f"{item} must have a string as its image", item)
        elif image.value != INJECTED and not any(_within(image.value, each) for each in allowed):
            yield violation(f"{item} must have an image from {' or '.join(allowed)}, not {registry(image.value)}", item)


def _within(image: str, allowed: str) -> bool:
    prefix = allowed.rstrip("/")
    return full_name(image).startswith(f"{prefix}/")


RULES = [
    Rule(
        id=_BY_DATA.id,
        title=_BY_DATA.title,
        why=_BY_DATA.why,
        severity=_BY_DATA.severity,
        remediation=_BY_DATA.remediation,
        frameworks=_BY_DATA.frameworks,
        applies=_BY_DATA.applies,
        predicate=_digest,
    ),
    Rule(
        id="allowedRegistries",
        title="Images come from allowed registries",
        why="An image from anywhere is code from anywhere, and one typo is enough to run a stranger's.",
        severity=Severity.HIGH,
        remediation="Mirror the image into an allowed registry, or add its registry to cnai:policies.registries.",
        frameworks={
            "cis-eks": ("5.1.4",),
            "cis-gke": ("5.1.4",),
            "cis-aks": ("5.1.4",),
            "nsa-cisa": ("pod-security",),
            "soc2": ("CC8.1",),
        },
        applies=("pod",),
        predicate=_registries,
    ),
]
