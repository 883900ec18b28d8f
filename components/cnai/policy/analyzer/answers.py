"""Findings as the engine shows them: each under its rule's id, at its rule's level."""

from collections.abc import Iterable, Iterator

from cnai.policy.analyzer.described import LEVELS, NAME
from cnai.policy.analyzer.given import Given
from cnai.policy.analyzer.protos import analyzer_pb2
from cnai.policy.loading import rules
from cnai.policy.model import Finding, Level, Severity, Verdict

SEVERITIES = {
    Severity.LOW: analyzer_pb2.POLICY_SEVERITY_LOW,
    Severity.MEDIUM: analyzer_pb2.POLICY_SEVERITY_MEDIUM,
    Severity.HIGH: analyzer_pb2.POLICY_SEVERITY_HIGH,
    Severity.CRITICAL: analyzer_pb2.POLICY_SEVERITY_CRITICAL,
}


def diagnostics(
    found: Iterable[Finding], given: Given, *, over_the_stack: bool
) -> Iterator[analyzer_pb2.AnalyzeDiagnostic]:
    """Over the stack a finding names its resource; else the engine knows which one it has asked about."""
    for finding in found:
        level = _level(finding, given)
        if level is not Level.DISABLED:
            rule = rules()[finding.rule]
            yield analyzer_pb2.AnalyzeDiagnostic(
                policyName=finding.rule,
                policyPackName=NAME,
                description=rule.title,
                message=words(finding),
                enforcementLevel=LEVELS[level],
                urn=finding.resource.source if over_the_stack and finding.resource else "",
                severity=SEVERITIES[rule.severity],
            )


def words(finding: Finding) -> str:
    """What is wrong, why that matters and what to change."""
    rule = rules()[finding.rule]
    if finding.verdict is Verdict.UNDECIDED:
        return f"[{finding.rule}] undecided: {finding.message}"
    return f"[{finding.rule}] {finding.message}. {rule.why} {rule.remediation}"


def _level(finding: Finding, given: Given) -> Level:
    """What was to be fixed and still fails is mandatory: the engine fixes before it asks."""
    level = given.undecided if finding.verdict is Verdict.UNDECIDED else given.levels[finding.rule]
    return Level.MANDATORY if level is Level.REMEDIATE else level
