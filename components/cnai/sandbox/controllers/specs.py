"""`controllers.toml`, and what is rendered from it."""

import json
import mmap
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, cast

from cnai.paths import SandboxDir


@dataclass(frozen=True, kw_only=True)
class ControllerSpec:
    name: str
    tool: str
    module: str
    crds: tuple[str, ...]
    """All of them must be Established; the first is the controller's own."""
    until_gone: bool = False
    """Runs on while its CRDs are being deleted: it is the one that takes the finalizers off their objects."""
    certs: str = ""
    """Where its serving certificate lies, below its folder; empty: it serves no webhooks."""
    namespaces: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Selector of the namespaces that its webhooks see, where they see only some; as upstream ships it if empty."""
    config: str = ""
    """Its configuration file, `config.yaml` in its folder."""
    machines: str = ""
    """The cloud whose machine types it is given, as `machines.json` in its folder."""
    arguments: tuple[str, ...] = ("--config=$dir/config.yaml", "--kubeconfig=$kubeconfig")
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def words(self, dir: SandboxDir, webhook_port: int, health_port: int) -> dict[str, str]:  # noqa: A002
        """What the templates know."""
        folder = dir.controllers / self.name
        places = {"root": dir.root, "kubeconfig": dir.kubeconfig, "dir": folder, "certs": folder / self.certs}
        ports = {"webhook_port": webhook_port, "health_port": health_port}
        return {name: str(value) for name, value in (places | ports).items()}

    def wants(self, crd: Mapping[str, Any]) -> bool:
        """Whether this CRD is there for the controller."""
        return is_established(crd) and (self.until_gone or "deletionTimestamp" not in crd["metadata"])


def filled(template: str, words: Mapping[str, str]) -> str:
    return Template(template).substitute(words)


def specs() -> list[ControllerSpec]:
    text = resources.files("cnai.sandbox.controllers").joinpath("controllers.toml").read_text()
    rows: dict[str, dict[str, Any]] = tomllib.loads(text)
    return [_spec(name, **row) for name, row in rows.items()]


def tool_names(among: Collection[str] | None = None) -> tuple[str, ...]:
    """The tools that the real controllers are: all, or those `among` the given."""
    return tuple(spec.tool for spec in specs() if among is None or spec.tool in among)


def served_groups(tools: Collection[str] | None = None) -> dict[str, str]:
    """API group → the real controller that brings webhooks of its own: of all, or of those whose tools are given."""
    chosen = (spec for spec in specs() if tools is None or spec.tool in tools)
    return {spec.crds[0].partition(".")[2]: spec.name for spec in chosen}


def _spec(name: str, **row: Any) -> ControllerSpec:
    facts: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return ControllerSpec(name=name, **facts)


def built_version(binary: Path, module: str) -> str:
    """What the toolchain noted beside it, else the module's version as Go wrote it into the binary; may be empty."""
    try:
        noted: str = json.loads((binary.parent / "manifest.json").read_text())["version"]
    except (OSError, ValueError, KeyError):
        noted = ""
    if noted:
        return f"v{noted.partition('+')[0]}"
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
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
