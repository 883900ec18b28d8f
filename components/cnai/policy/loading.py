"""Finds the rules: `policies/rules` of the checkout, or the copy in the wheel."""

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from cnai.errors import UserError
from cnai.policy.language import LanguageError
from cnai.policy.model import Rule, Severity
from cnai.policy.parsing import check, condition

_FIELDS = frozenset(
    ("id", "title", "why", "severity", "remediation", "frameworks", "applies", "when", "unless", "checks")
)
_NEEDED = _FIELDS - {"frameworks", "when", "unless"}
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def rules_dir() -> Path:
    """Next to this package in a wheel; else `policies/rules` of the checkout that contains this package."""
    inside = Path(__file__).with_name("rules")
    return inside if inside.is_dir() else Path(__file__).parents[3] / "policies" / "rules"


@cache
def rules() -> Mapping[str, Rule]:
    """All rules by id. Raises `UserError` for one that is not written as `language` says."""
    return load(rules_dir())


def load(folder: Path) -> dict[str, Rule]:
    """Rules of the files directly in a folder: `*.yaml` are data, `*.py` have a `RULES`."""
    found: dict[str, Rule] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        for rule in _of_file(file):
            if rule.id in found:
                raise UserError(f"{file}: there is a rule {rule.id} already: give this one a different id")
            found[rule.id] = rule
    return found


def _of_file(file: Path) -> Iterable[Rule]:
    if file.suffix == ".yaml":
        return data_rules(file.read_text(encoding="utf-8"), str(file))
    if file.suffix == ".py" and not file.name.startswith("_"):
        return _predicates(file)
    return ()


def data_rules(text: str, where: str) -> Iterator[Rule]:
    """Reads a file of data rules."""
    try:
        given = yaml.load(text, LOADER)
    except yaml.YAMLError as error:
        raise UserError(f"{where}: not YAML: {' '.join(str(error).split())}") from None
    for number, words in enumerate(given or [] if isinstance(given, list) else [given]):
        name = words.get("id", f"#{number}") if isinstance(words, dict) else f"#{number}"
        try:
            yield data_rule(words)
        except (ValueError, TypeError) as error:
            raise UserError(f"{where}: rule {name}: {error}") from None


def data_rule(given: Any) -> Rule:
    """Raises `LanguageError`."""
    if not isinstance(given, dict):
        raise LanguageError(f"a rule is a mapping, got {given!r}")
    words = cast("dict[str, Any]", given)
    wrong = [f"{key} is unknown" for key in words if key not in _FIELDS]
    wrong += [f"{key} is missing" for key in sorted(_NEEDED) if not words.get(key)]
    if wrong:
        raise LanguageError(", ".join(wrong))
    applies, frameworks = words["applies"], words.get("frameworks") or {}
    if "pod" in applies and applies not in ("pod", ["pod"]):
        raise LanguageError("applies: pod covers all kinds with a pod template: use it alone")
    return Rule(
        id=words["id"],
        title=words["title"],
        why=words["why"],
        severity=Severity(words["severity"]),
        remediation=words["remediation"],
        frameworks={name: tuple(map(str, controls)) for name, controls in frameworks.items()},
        applies=(applies,) if isinstance(applies, str) else tuple(applies),
        when=condition(words["when"]) if words.get("when") else None,
        unless=condition(words["unless"]) if words.get("unless") else None,
        checks=tuple(map(check, words["checks"])),
    )


def _predicates(file: Path) -> Iterable[Rule]:
    spec = importlib.util.spec_from_file_location(f"cnai_policy_rules.{file.stem.replace('-', '_')}", file)
    if spec is None or spec.loader is None:
        raise UserError(f"{file}: cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Iterable[Rule]", module.RULES)
