"""Nothing is bought on this machine: what there is to know is whether the sandbox's programs can be had."""

from collections.abc import Iterator

from cnai.environment import Environment
from cnai.operations.findings import Finding, failed, passed


def findings(environment: Environment) -> Iterator[Finding]:
    from cnai.toolchain import survey

    missing = [tool for tool in survey() if not tool.obtainable]
    for tool in missing:
        yield failed("tool", tool.name, "neither here nor to be had", tool.advice or "`./cnai doctor` says how")
    if not missing:
        yield passed("tool", environment.name, "every program of the sandbox is here or can be had")
