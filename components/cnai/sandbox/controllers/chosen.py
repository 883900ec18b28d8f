"""Which real controllers the sandbox of an environment runs: those of the packages that it installs."""

from cnai.catalog import catalog
from cnai.environment import Environment


def controllers_of(environment: Environment) -> tuple[str, ...]:
    """The toolchain's tools, in the order in which the environment installs what they run."""
    tools = (catalog()[package].controller for package in environment.packages)
    return tuple(dict.fromkeys(tool for tool in tools if tool))
