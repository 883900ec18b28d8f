"""Nothing is bought on this machine: the only check is whether the sandbox's programs are available."""

from collections.abc import Iterator

from cnai.environment import Environment
from cnai.operations.findings import Finding, failed, passed


def findings(environment: Environment) -> Iterator[Finding]:
    from cnai.toolchain import survey

    missing = [tool for tool in survey() if not tool.obtainable]
    for tool in missing:
        yield failed("tool", tool.name, "neither installed nor available", tool.advice or "`./cnai doctor` says how")
    if not missing:
        yield passed("tool", environment.name, "every program the sandbox needs is installed or available")
