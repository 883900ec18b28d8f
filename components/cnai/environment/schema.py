"""JSON Schema of a whole `Pulumi.<env>.yaml`, so that editors can complete and check it."""

import json
from pathlib import Path
from typing import Any

from cnai.clouds.machines import machines
from cnai.environment.needs import known_secrets
from cnai.environment.spec import CloudSpec
from cnai.environment.stack import StackConfig


def stack_schema() -> dict[str, Any]:
    """Draft 2020-12. Keys of other packages, such as `aws:region`, are not checked."""
    ours = StackConfig.model_json_schema(ref_template="#/$defs/{model}", mode="validation")
    definitions = ours.pop("$defs")
    _name_what_exists(definitions["PoolSpec"]["properties"])
    for named in (ours["properties"]["pools"], ours["properties"]["teams"]):
        named["additionalProperties"] = False
    secrets = ours["properties"]["secrets"]
    secrets["propertyNames"] = {"enum": sorted(known_secrets())}
    config = {
        "type": "object",
        "properties": {f"cnai:{key}": value for key, value in ours["properties"].items()},
        "required": [f"cnai:{key}" for key in ours["required"]],
        "patternProperties": {"^(?!cnai:)": True},
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A cnai environment",
        "type": "object",
        "properties": {
            "config": config,
            "secretsprovider": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "encryptionsalt": {"type": "string"},
            "environment": {},
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def write_schema(path: Path) -> None:
    """Writes `stack_schema()` in the form committed as stacks/schema.json."""
    path.write_text(json.dumps(stack_schema(), indent=2) + "\n", encoding="utf-8")


def _name_what_exists(pool: dict[str, Any]) -> None:
    """Adds every cloud's machine and accelerator names for completion."""
    offered = [machine for cloud in CloudSpec.model_fields for machine in machines(cloud).values()]
    kinds = {word for m in offered if m.accelerator for word in (m.accelerator.kind, m.accelerator.name)}
    for key, names in (("machine", {m.name for m in offered}), ("accelerator", kinds)):
        pool[key]["anyOf"] = [{"enum": sorted(names)}, {"type": "null"}]
