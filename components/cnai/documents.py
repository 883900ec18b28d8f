"""YAML without duplicate keys: the plain reader would silently keep only the last value."""

from typing import Any

import yaml

from cnai.errors import UserError


class _Unique(yaml.SafeLoader):
    """Refuses a mapping with a key that is there already."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name!r} is on line {seen[name]} and again on line {line}: keep one", None
                )
            seen[name] = line
        return super().construct_mapping(node, deep)


def read_yaml(text: str, where: str) -> Any:
    """Raises `UserError` for what is no YAML, and for two entries of one name, such as two pools `h100`."""
    try:
        return yaml.load(text, _Unique)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{where}: not YAML: {' '.join(str(error).split())}") from None
    except (LookupError, AttributeError, TypeError):
        # What PyYAML raises for `!!bool maybe`, `!!timestamp soon` and the like.
        raise UserError(f"{where}: not YAML: a value does not match its tag") from None
