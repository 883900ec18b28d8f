"""What is checked together: an environment including its charts' contents, or any manifests."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnai.environment import Environment, PoliciesSpec
from cnai.policy.check import Subject, levels_of
from cnai.policy.config import exceptions, exceptions_of_packages, levels, settings
from cnai.policy.exceptions import Exemption
from cnai.policy.reading import Problem, read
from cnai.render import Renderer, folders
from cnai.render import render as rendering
from cnai.stackfiles import read_stack_config, stack_file

Report = Callable[[str], None]
"""Called with progress on slow steps."""


def of_environment(
    project: Path, env: str, packs: Sequence[str], report: Report, *, charts: bool = True
) -> tuple[Subject, list[Problem]]:
    """Without `charts`, only what the program itself declares, which needs no Helm."""
    config = read_stack_config(project, env)
    policies, overlooked, known = said_of_policies(env, config)
    rendered = rendering(project, env, config, Renderer(report=report) if charts else None)
    if charts:
        report(f"{env}: {len(rendered.resources)} resources, {len(rendered.charts)} charts rendered")
    subject = Subject(
        resources=rendered.resources,
        levels=levels_of(packs, levels(policies)),
        exemptions=overlooked,
        settings=known,
        file=str(stack_file(project, env)),
    )
    return subject, [Problem(each.source, each.reason, rendering=True) for each in rendered.not_rendered]


def said_of_policies(env: str, config: Mapping[str, Any]) -> tuple[PoliciesSpec, list[Exemption], dict[str, Any]]:
    """The environment's policy settings, its rules' exceptions, and what the rules may know about it.

    A user's own program need not set any of these.
    """
    if any(key.startswith("cnai:") for key in config):
        environment = Environment.load(env, config)
        overlooked = [*exceptions(environment.policies), *exceptions_of_packages(environment.packages)]
        return environment.policies, overlooked, settings(environment)
    return PoliciesSpec(), [], {"environment": env}


def of_paths(paths: Sequence[str], packs: Sequence[str], report: Report) -> tuple[Subject, list[Problem]]:
    found = read(paths, lambda folder: folders.chart(folder, Renderer(report=report)), folders.kustomization)
    return Subject(resources=found.resources, levels=levels_of(packs, {}), lines=found.lines), found.problems
