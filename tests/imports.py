"""Which module of a package imports which, read from the sources: nothing is run."""

import ast
from collections.abc import Iterator, KeysView
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

Imports = dict[str, set[str]]


def imports(folder: Path) -> Imports:
    """Every module of the package in `folder`, with what it imports of the package, at its top or in a function.

    What only the type checker sees is left out.
    """
    modules = {_name(path, folder.parent): path for path in folder.rglob("*.py")}
    return {name: set(_imported(name, path, modules.keys())) - {name} for name, path in modules.items()}


def circle(graph: Imports) -> list[str]:
    """One circle of imports, its first module again at its end; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def _name(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def _imported(name: str, path: Path, modules: KeysView[str]) -> Iterator[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in _running(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        if isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                yield from [each for each in (f"{source}.{alias.name}", source) if each in modules][:1]


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _running(node)
