"""Changes one value in a stack file and preserves everything else: comments, order, whitespace."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from cnai.environment import read_yaml
from cnai.errors import UserError
from cnai.files import write_atomically


def with_value(text: str, path: Sequence[str], value: str) -> str:
    """`text` with the string `value` at `path`, whose last key may be new; raises `UserError` if that is impossible."""
    node = yaml.compose(text)
    for depth, key in enumerate(path[:-1]):
        found = _entry(node, key)
        if found is None or not isinstance(found[1], yaml.MappingNode):
            raise UserError(f"{'.'.join(path[: depth + 1])} is not a mapping in this file: add {path[-1]} by hand")
        node = found[1]
    assert isinstance(node, yaml.MappingNode)
    quoted = f'"{value}"'
    if there := _entry(node, path[-1]):
        start, end = there[1].start_mark.index, there[1].end_mark.index
        changed = text[:start] + quoted + text[end:]
    else:
        changed = _inserted(text, node, f"{path[-1]}: {quoted}")
    read_yaml(changed, "the changed file")
    return changed


def set_values(path: Path, key: Sequence[str], values: dict[str, str]) -> None:
    """Writes all of `values` below `key`, or none of them."""
    text = path.read_text(encoding="utf-8")
    # New keys go first: the last one written ends up on top.
    for name, value in reversed(values.items()):
        text = with_value(text, (*key, name), value)
    write_atomically(path, text, path.stat().st_mode & 0o777)


def _entry(node: yaml.Node | None, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((pair for pair in node.value if pair[0].value == key), None)


def _inserted(text: str, node: yaml.MappingNode, entry: str) -> str:
    """Inserted as the mapping's first entry."""
    if not node.value:
        start = node.start_mark.index
        return text[:start] + f"{{{entry}}}" + text[node.end_mark.index :]
    first = node.value[0][0].start_mark
    separator = ", " if node.flow_style else f"\n{' ' * first.column}"
    return text[: first.index] + entry + separator + text[first.index :]
