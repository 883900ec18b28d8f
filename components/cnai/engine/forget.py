"""Drops a sandbox stack together with the cluster that its resources were in."""

import shutil
from pathlib import Path

from cnai.engine.session import project_name, state_root


def forget_stack(project: Path, env: str) -> None:
    """Removes the stack's state, history included; the caller holds the environment's lock."""
    for folder in state_root(project).glob(f"*/{project_name(project)}/{env}"):
        shutil.rmtree(folder)
