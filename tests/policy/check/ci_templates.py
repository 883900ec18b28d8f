"""The CI templates of examples/ci, and the shell that is in them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
CI = ROOT / "examples" / "ci"
TEMPLATES = sorted(path for path in CI.rglob("*") if path.is_file() and path.parent != CI)


def steps(path: Path) -> Iterator[tuple[str, list[str]]]:
    """(stage or job, its shell scripts in their order); what runs only after a failure comes last."""
    yield from {"github": _github, "gitlab": _gitlab, "jenkins": _jenkins}[path.parent.name](path.read_text())


def scripts(path: Path) -> list[str]:
    return [script for _, found in steps(path) for script in found]


def _github(text: str) -> Iterator[tuple[str, list[str]]]:
    for name, job in yaml.safe_load(text)["jobs"].items():
        yield name, [step["run"] for step in job["steps"] if "run" in step]


def _gitlab(text: str) -> Iterator[tuple[str, list[str]]]:
    document: dict[str, Any] = yaml.safe_load(text)
    for name, job in document.items():
        if isinstance(job, dict) and "script" in job:
            yield name, job["script"]


def _jenkins(text: str) -> Iterator[tuple[str, list[str]]]:
    names = re.split(r"stage\('(\w+)'\)", text)[1:]
    for name, body in zip(names[::2], names[1::2], strict=True):
        found = re.findall(r"\bsh (?:'''(.*?)'''|'([^']*)')", body, re.DOTALL)
        yield name.lower(), [long or short for long, short in found]
