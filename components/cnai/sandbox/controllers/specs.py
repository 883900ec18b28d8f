"""`controllers.toml`, and what is rendered from it."""

import mmap
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, cast


@dataclass(frozen=True, kw_only=True)
class ControllerSpec:
    name: str
    tool: str
    module: str
    crds: tuple[str, ...]
    """All of them must be Established; the first is the controller's own."""
    certs: str
    config: str

    def render(self, folder: Path, webhook_port: int, health_port: int) -> str:
        certs = folder / self.certs
        return Template(self.config.lstrip()).substitute(
            dir=folder, certs=certs, webhook_port=webhook_port, health_port=health_port
        )


def specs() -> list[ControllerSpec]:
    text = resources.files("cnai.sandbox.controllers").joinpath("controllers.toml").read_text()
    rows: dict[str, dict[str, Any]] = tomllib.loads(text)
    return [_spec(name, **row) for name, row in rows.items()]


def tool_names() -> tuple[str, ...]:
    """The tools that the real controllers are."""
    return tuple(spec.tool for spec in specs())


def _spec(name: str, crds: list[str], **row: Any) -> ControllerSpec:
    return ControllerSpec(name=name, crds=tuple(crds), **row)


def built_version(binary: Path, module: str) -> str:
    """The module's version, which Go writes into every binary; empty where it is not there."""
    pattern = rf"(?:mod|dep)\t{re.escape(module)}\t(v[^\t\n]+)".encode()
    with binary.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = re.search(pattern, content)
        return found[1].decode() if found else ""


def crd_version(crd: Mapping[str, Any], own: Mapping[str, Any] | None, own_version: str) -> str:
    """What the CRD says of itself, else the controller's version where the CRD is the controller's own, else empty."""
    labels: Mapping[str, str] = crd["metadata"].get("labels") or {}
    if version := labels.get("app.kubernetes.io/version"):
        return version
    if found := re.search(r"-(v?\d+\.\d+\.\d+\S*)$", labels.get("helm.sh/chart", "")):
        return found[1]
    return own_version if own and _schemas(own) == _schemas(crd) else ""


def _schemas(crd: Mapping[str, Any]) -> Any:
    return _undescribed({version["name"]: version.get("schema") for version in crd["spec"]["versions"]})


def _undescribed(schema: Any) -> Any:
    """Without the texts, which some charts leave out to be small."""
    if isinstance(schema, dict):
        pairs = cast("dict[str, Any]", schema).items()
        return {key: _undescribed(value) for key, value in pairs if key != "description" or not isinstance(value, str)}
    if isinstance(schema, list):
        return [_undescribed(item) for item in cast("list[Any]", schema)]
    return schema


def is_established(crd: Mapping[str, Any]) -> bool:
    conditions: list[Mapping[str, str]] = (crd.get("status") or {}).get("conditions") or []
    going = "deletionTimestamp" in crd["metadata"]
    return not going and any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
