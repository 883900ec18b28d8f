"""Whether the properties that rules read are there in the providers' SDKs; `python provider_sdk.py` writes it down.

Run it where pulumi-aws, pulumi-gcp and pulumi-azure-native are installed: the tests compare with what it wrote.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("provider_properties.json")
PACKAGES = {"aws": "pulumi_aws", "gcp": "pulumi_gcp", "azure-native": "pulumi_azure_native"}
Properties = Mapping[str, str]
"""Property -> its annotation."""


@cache
def folder(package: str) -> Path:
    spec = find_spec(PACKAGES[package])
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(PACKAGES[package])
    return Path(spec.origin).parent


def installed() -> bool:
    return all(find_spec(name) is not None for name in PACKAGES.values())


@cache
def classes(package: str) -> Mapping[str, tuple[Path, str]]:
    """Type token -> folder and name of its class."""
    text = folder(package).joinpath("__init__.py").read_text(encoding="utf-8")
    found: dict[str, tuple[Path, str]] = {}
    for module, listed in re.findall(r'"fqn": "([\w.]+)",\s*"classes": \{(.*?)\}', text, re.S):
        where = folder(package).parent / module.replace(".", "/")
        found |= {token: (where, name) for token, name in re.findall(r'"([^"]+)": "(\w+)"', listed)}
    return found


@cache
def getters(file: Path) -> Mapping[str, Properties]:
    """Class -> what its properties are called on the wire."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        each.name: {name: ast.unparse(method.returns) for method in each.body for name in _wire_names(method)}
        for each in tree.body
        if isinstance(each, ast.ClassDef)
    }


def _wire_names(method: Any) -> Iterator[str]:
    for mark in getattr(method, "decorator_list", ()):
        words = ast.unparse(mark)
        if words.startswith("pulumi.getter") and method.returns is not None:
            named = re.search(r"name='(\w+)'", words)
            yield named[1] if named else method.name


@cache
def properties(token: str) -> Properties | None:
    where, name = classes(token.partition(":")[0]).get(token, (None, ""))
    for file in sorted(where.glob("*.py")) if where else ():
        if file.name != "_inputs.py" and re.search(rf"^class {name}(Init)?Args\b", file.read_text("utf-8"), re.M):
            found = getters(file)
            return found.get(f"{name}Args") or found[f"{name}InitArgs"]
    return None


def resolves(token: str, path: str) -> bool:
    """Whether a path of the rule language leads to a property of a type (or beyond one that is a free-form map)."""
    current = properties(token)
    where = classes(token.partition(":")[0])[token][0] / "_inputs.py" if current is not None else None
    for part in re.findall(r"[A-Za-z_]\w*", re.sub(r"\[[^]]*\]", "", path)):
        if current is None or part not in current:
            return False
        inner = re.search(r"'?(\w+Args)'?\b", current[part])
        current = getters(where).get(inner[1]) if inner and where and where.is_file() else None
    return True


def tokens(pattern: str) -> list[str]:
    package = pattern.partition(":")[0]
    return sorted(token for token in classes(package) if fnmatchcase(token, pattern))


def record(used: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """Those of some properties that are there; for a pattern those that at least one of its types has."""
    return {
        kind: sorted(path for path in paths if any(resolves(token, path) for token in tokens(kind)))
        for kind, paths in sorted(used.items())
    }


if __name__ == "__main__":
    from policy_paths import used_properties

    RECORD.write_text(json.dumps(record(used_properties()), indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{RECORD}\n")
