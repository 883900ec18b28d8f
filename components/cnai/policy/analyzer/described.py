"""How the pack describes itself to the engine: a policy for each pack of rules, and two of its own."""

from collections.abc import Iterator, Mapping

from cnai._version import __version__
from cnai.policy.analyzer.given import ENVIRONMENT, UNDECIDED
from cnai.policy.analyzer.protos import analyzer_pb2
from cnai.policy.model import Level, Pack

NAME = "cnai"
LEVELS = {
    Level.DISABLED: analyzer_pb2.DISABLED,
    Level.ADVISORY: analyzer_pb2.ADVISORY,
    Level.MANDATORY: analyzer_pb2.MANDATORY,
    Level.REMEDIATE: analyzer_pb2.REMEDIATE,
}
WORDS = {number: level for level, number in LEVELS.items()}


def info(packs: Mapping[str, Pack]) -> analyzer_pb2.AnalyzerInfo:
    """Rules are not listed one by one: a level for one is taken all the same, since the engine hands on any name."""
    return analyzer_pb2.AnalyzerInfo(
        name=NAME,
        version=__version__,  # the engine takes the one of PulumiPolicy.yaml
        description="Rules that stop a bad platform before it exists",
        supportsConfig=True,
        policies=[*(_policy(each.name, each.title, each.level) for each in packs.values()), *_own()],
    )


def _own() -> Iterator[analyzer_pb2.PolicyInfo]:
    yield _policy(UNDECIDED, "Rules that depend on values not known yet; `up` checks them again", Level.ADVISORY)
    environment = _policy(ENVIRONMENT, "Exceptions, and what rules may know of the environment", Level.ADVISORY)
    listed = {"type": "array", "items": {"type": "object"}}
    environment.configSchema.properties.update({"exceptions": listed, "settings": {"type": "object"}})
    yield environment


def _policy(name: str, title: str, level: Level) -> analyzer_pb2.PolicyInfo:
    return analyzer_pb2.PolicyInfo(
        name=name,
        description=title,
        enforcementLevel=LEVELS[level],
        policy_type=analyzer_pb2.POLICY_TYPE_RESOURCE,
    )
