"""Exceptions: what a rule may overlook, why, on whose word, and until when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from cnai.policy.model import Finding, Resource, Verdict


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """One line of `cnai:policies.exceptions`."""

    rule: str
    resource: str
    """A pattern over `Resource.id`, such as `apps/DaemonSet/gpu-operator/nvidia-*`."""
    reason: str
    owner: str
    expires: date
    """The last day that it holds."""
    package: str = ""
    """The package whose chart it is a fact of; "" for one of the environment's own."""

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> "Exemption":
        expires = words["expires"]
        day = expires if isinstance(expires, date) else date.fromisoformat(str(expires))
        texts = {key: str(words[key]) for key in ("rule", "resource", "reason", "owner")}
        return cls(**texts, expires=day, package=str(words.get("package", "")))

    @property
    def words(self) -> dict[str, str]:
        """As JSON carries it."""
        words = {
            "rule": self.rule,
            "resource": self.resource,
            "reason": self.reason,
            "owner": self.owner,
            "expires": self.expires.isoformat(),
        }
        return words | ({"package": self.package} if self.package else {})

    @property
    def origin(self) -> str:
        """Where it stands, as reports say it."""
        return f"package {self.package}" if self.package else "cnai:policies.exceptions"

    def covers(self, finding: Finding) -> bool:
        return (
            finding.rule == self.rule
            and not finding.crashed
            and finding.resource is not None
            and fnmatchcase(finding.resource.id, self.resource)
        )

    def expired(self, today: date) -> bool:
        return today > self.expires


@dataclass(frozen=True)
class Sorted:
    """Findings after the exceptions."""

    standing: tuple[Finding, ...]
    """Violations and undecided items that no exception covers, and a violation for each exception that has expired."""
    excepted: tuple[tuple[Finding, Exemption], ...]


def sort(findings: Iterable[Finding], exceptions: Sequence[Exemption], today: date) -> Sorted:
    live = [each for each in exceptions if not each.expired(today)]
    standing, excepted = list(expired(exceptions, today)), list[tuple[Finding, Exemption]]()
    for finding in findings:
        exemption = next((each for each in live if each.covers(finding)), None)
        if exemption is None:
            standing.append(finding)
        else:
            excepted.append((finding, exemption))
    return Sorted(tuple(standing), tuple(excepted))


def expired(exceptions: Iterable[Exemption], today: date) -> list[Finding]:
    """A violation for each, whether or not it still covers something: it has to be renewed or taken out."""
    return [
        Finding(
            each.rule,
            Verdict.VIOLATION,
            "",
            f"the exception of {each.owner} for {each.resource} expired on {each.expires}: renew or remove it",
            Resource({}, logical_name=each.resource, source=each.origin),
        )
        for each in exceptions
        if each.expired(today)
    ]
