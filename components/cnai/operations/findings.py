"""What a check found: the verdict, and what to do if it is not a pass."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Verdict = Literal["pass", "warn", "fail", "not checked"]
VERDICTS: tuple[Verdict, ...] = ("fail", "warn", "not checked", "pass")


@dataclass(frozen=True, kw_only=True)
class Finding:
    check: str
    """What was checked, such as `quota`."""
    subject: str
    """Of which pool, zone or package."""
    verdict: Verdict
    text: str
    todo: str = ""

    def __post_init__(self) -> None:
        if self.verdict != "pass" and not self.todo:
            raise ValueError(f"{self.check} of {self.subject}: {self.verdict}, so say what to do")

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def passed(check: str, subject: str, text: str) -> Finding:
    return Finding(check=check, subject=subject, verdict="pass", text=text)


def warned(check: str, subject: str, text: str, todo: str) -> Finding:
    return Finding(check=check, subject=subject, verdict="warn", text=text, todo=todo)


def failed(check: str, subject: str, text: str, todo: str) -> Finding:
    return Finding(check=check, subject=subject, verdict="fail", text=text, todo=todo)


def unchecked(check: str, subject: str, text: str, todo: str) -> Finding:
    return Finding(check=check, subject=subject, verdict="not checked", text=text, todo=todo)


def counted(findings: Iterable[Finding]) -> dict[str, int]:
    """The number of findings per verdict, including zeros."""
    found = Counter(finding.verdict for finding in findings)
    return {verdict: found[verdict] for verdict in VERDICTS}


def ok(findings: Iterable[Finding]) -> bool:
    return all(finding.verdict != "fail" for finding in findings)
