"""What the catalog knows of a chart: its licence, how upstream is doing; and who checks signatures."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from cnai.package_folders import FILE, package_folders
from cnai.policy.fields import at, careful, found, readable, text
from cnai.policy.model import Context, Finding, Resource, Rule, Severity, undecided, violation
from cnai.policy.values import Unknown
from cnai.policy.workloads import workloads

RELEASES = ("kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v3:Chart", "kubernetes:helm.sh/v4:Chart")
APPLICATION = "argoproj.io/Application"
RESTRICTED = re.compile(r"^(?:AGPL|SSPL|BUSL|Elastic|LicenseRef|RSAL|Confluent|Commons-Clause)", re.I)
SIGNATURES = {
    "policies.kyverno.io/ImageValidatingPolicy": "spec",
    "policy.sigstore.dev/ClusterImagePolicy": "spec",
    "kyverno.io/ClusterPolicy": "spec.rules[*].verifyImages[*]",
    "gcp:container/cluster:Cluster": "binaryAuthorization.evaluationMode",
}


class Package(NamedTuple):
    """What rules ask of one."""

    name: str
    chart: str
    licence: str
    status: str
    instead: str


@cache
def packages() -> tuple[Package, ...]:
    """The catalog's rows as they stand: checking their types would take longer than all rules of a preview."""
    files = (folder.joinpath(FILE) for _, folder in package_folders())
    rows = (row for file in files for row in tomllib.loads(file.read_text(encoding="utf-8")).items())
    return tuple(_package(name, row) for name, row in rows)


def _package(name: str, row: dict[str, Any]) -> Package:
    """Manifests have no chart: they are installed as one that is called after the package."""
    chart, health = row["source"].get("chart", name), row["health"]
    return Package(name, chart, row["licence"], health["status"], health.get("instead", ""))


def _chart(resource: Resource) -> "str | Unknown | None":
    """Raises `WrongType`."""
    return text(resource.body, "spec.source.chart" if resource.kind == APPLICATION else "chart")


def _packages(resource: Resource) -> list[Package] | None:
    """Those of the catalog that a chart may be; None where that is not known."""
    name = _chart(resource)
    if isinstance(name, Unknown):
        return None
    short = (name or "").rstrip("/").rpartition("/")[2]
    short = re.sub(r"-v?[0-9][0-9A-Za-z.+-]*[.]tgz$", "", short)
    return [one for one in packages() if short and one.chart.rpartition("/")[2] == short]


def restricted(licence: str) -> bool:
    """Whether an SPDX expression leaves no choice but a licence that restricts who offers it as a service."""
    parts = re.split(r"\s+AND\s+", licence.replace("(", "").replace(")", ""))
    return any(all(RESTRICTED.match(one.strip()) for one in re.split(r"\s+OR\s+", part)) for part in parts)


@careful
def _licence(resource: Resource, _: Context) -> Iterator[Finding]:
    yield from _unsure(resource)
    for package in _packages(resource) or ():
        if restricted(package.licence):
            yield violation(f"{package.name} is under {package.licence}, which must be agreed to")


@careful
def _health(resource: Resource, _: Context) -> Iterator[Finding]:
    if _packages(resource) is None:
        yield undecided("which chart it is is not known yet")
    for package in _packages(resource) or ():
        if package.status != "maintained":
            instead = f": use {package.instead}" if package.instead else ""
            yield violation(f"{package.name} is {package.status} and must not be installed{instead}")


def _unsure(resource: Resource) -> Iterator[Finding]:
    found = _packages(resource)
    if found is None:
        yield undecided("which chart it is is not known yet")
    elif not found and _chart(resource):
        yield undecided("the catalog does not have its chart, so its licence is not known")


def _signatures(resources: Sequence[Resource], context: Context) -> Iterator[Finding]:
    if context.settings.get("production") is not True or not any(one.kind in workloads() for one in resources):
        return
    checkers = [one for one in readable(resources, *SIGNATURES.values()) if one.kind in SIGNATURES]
    answers = [value.value for one in checkers for value in found(one.body, SIGNATURES[one.kind])]
    cluster = Resource({}, logical_name="cluster")
    if any(_checks(answer) for answer in answers):
        return
    if any(isinstance(answer, Unknown) for answer in answers):
        yield undecided("whether signatures of images are checked is not known yet", resource=cluster)
    else:
        yield violation("the cluster must check the signatures of images", resource=cluster)


def _checks(answer: Any) -> bool:
    if isinstance(answer, Unknown):
        return False
    return answer not in ("DISABLED", "EVALUATION_MODE_UNSPECIFIED") and at(answer, ".") is not None


RULES = [
    Rule(
        id="catalogLicence",
        title="Licences are ones that anybody may use",
        why="Licences such as AGPL and BUSL put duties on who offers the software as a service, inside a company too.",
        severity=Severity.MEDIUM,
        remediation="Choose another package, or write down the agreement as an exception.",
        frameworks={"soc2": ("CC9.2",)},
        applies=(*RELEASES, APPLICATION),
        predicate=_licence,
    ),
    Rule(
        id="catalogHealth",
        title="Upstream still looks after what is installed",
        why="What has no maintainer gets no security fixes.",
        severity=Severity.HIGH,
        remediation="Install the package that the catalog names instead.",
        frameworks={"nsa-cisa": ("upgrading",), "soc2": ("CC7.1", "CC9.2")},
        applies=(*RELEASES, APPLICATION),
        predicate=_health,
    ),
    Rule(
        id="signaturesRequired",
        title="Images must be signed in production",
        why="A registry hands out whatever was pushed last, whoever pushed it.",
        severity=Severity.MEDIUM,
        remediation="Add a Kyverno ImageValidatingPolicy or sigstore ClusterImagePolicy, or use Binary Authorization.",
        frameworks={
            "cis-kubernetes": ("5.5.1",),
            "cis-gke": ("5.10.4",),
            "nsa-cisa": ("pod-security",),
            "soc2": ("CC8.1",),
        },
        applies=("pod", *SIGNATURES),
        set_predicate=_signatures,
    ),
]
