"""A release's inputs: upstream's defaults and names in `check`, and Helm's flags for them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from cnai.charts.archive import merged
from cnai.charts.documents import LOADER
from cnai.charts.tokens import object_id
from cnai.plugin.urns import name_in_urn
from cnai.plugin.values import Computed, contains

Inputs = dict[str, Any]
DEFAULT_TIMEOUT_S = 300
MAX_NAME = 53
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
SWITCHES = {
    "cleanupOnFail": "--cleanup-on-fail",
    "dependencyUpdate": "--dependency-update",
    "devel": "--devel",
    "disableOpenapiValidation": "--disable-openapi-validation",
    "disableWebhooks": "--no-hooks",
    "forceUpdate": "--force",
    "renderSubchartNotes": "--render-subchart-notes",
    "resetValues": "--reset-values",
    "reuseValues": "--reuse-values",
    "takeOwnership": "--take-ownership",
}
REPOSITORY_FLAGS = {
    "caFile": "--ca-file",
    "certFile": "--cert-file",
    "keyFile": "--key-file",
    "password": "--password",
    "username": "--username",
}


@dataclass(frozen=True)
class Source:
    """What says which chart it is."""

    chart: str
    version: str
    repo: str = ""
    flags: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(part for part in (self.name, self.version, "from", self.url or "nowhere") if part)

    @property
    def name(self) -> str:
        """The chart's own name, without where it lies."""
        return self.chart.rstrip("/").rpartition("/")[2].removesuffix(".tgz")

    @property
    def url(self) -> str:
        """Of the repository, or of the chart itself; "" where there is neither."""
        return self.chart if "://" in self.chart else self.repo

    @property
    def is_local(self) -> bool:
        """A path, as upstream sees it: no repository, and more than a name."""
        return not self.url and ("/" in self.chart or self.chart.startswith("."))

    @property
    def file_name(self) -> str:
        return self.named(self.version)

    def named(self, version: str) -> str:
        return f"{self.name}-{version}.tgz"

    @property
    def pull_arguments(self) -> tuple[str, ...]:
        version = ("--version", self.version) if self.version else ()
        if "://" in self.chart:
            return (self.chart, *version, *self.flags)
        if self.repo.startswith("oci://"):
            return (f"{self.repo.rstrip('/')}/{self.chart}", *version, *self.flags)
        return (self.chart, "--repo", self.repo, *version, *self.flags)


@dataclass(frozen=True)
class Release:
    """Checked inputs, all known."""

    inputs: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.inputs["name"])

    @property
    def namespace(self) -> str:
        return str(self.inputs["namespace"])

    @property
    def id(self) -> str:
        return object_id(self.namespace, self.name)

    @property
    def source(self) -> Source:
        return source_of(self.inputs)

    @property
    def values(self) -> Inputs:
        return cast("Inputs", self.inputs.get("values") or {})

    @property
    def atomic(self) -> bool:
        return bool(self.inputs.get("atomic"))

    @property
    def waits(self) -> bool:
        return self.atomic or not self.inputs.get("skipAwait")

    def timeout_s(self, custom: float) -> float:
        """`custom` is the resource option's, 0 where there is none."""
        return custom or float(self.inputs.get("timeout") or DEFAULT_TIMEOUT_S)

    def flags(self) -> list[str]:
        """For `helm upgrade`, but those that say how long and whether to go back."""
        flags = [flag for key, flag in SWITCHES.items() if self.inputs.get(key)]
        if self.inputs.get("maxHistory") is not None:
            flags += ["--history-max", str(self.inputs["maxHistory"])]
        if self.inputs.get("description"):
            flags += ["--description", str(self.inputs["description"])]
        if self.waits:
            flags += ["--wait", *(["--wait-for-jobs"] if self.inputs.get("waitForJobs") else [])]
        return flags


def source_of(inputs: Mapping[str, Any]) -> Source:
    options = cast("Inputs", inputs.get("repositoryOpts") or {})
    flags = [part for key, flag in REPOSITORY_FLAGS.items() if options.get(key) for part in (flag, str(options[key]))]
    if inputs.get("verify"):
        flags += ["--verify", *(["--keyring", str(inputs["keyring"])] if inputs.get("keyring") else [])]
    version = str(inputs.get("version") or "").strip()
    return Source(str(inputs["chart"]).strip(), version, str(options.get("repo") or ""), tuple(flags))


def checked(
    urn: str, olds: Mapping[str, Any], news: Mapping[str, Any], namespace: str, autoname: Callable[[str], str]
) -> tuple[Inputs, list[tuple[str, str]]]:
    """The inputs with upstream's defaults, and what is wrong with them."""
    inputs = dict(news)
    inputs["name"] = inputs.get("name") or olds.get("name") or autoname(name_in_urn(urn))
    inputs["namespace"] = inputs.get("namespace") or namespace
    if not inputs.get("skipAwait"):
        inputs.setdefault("timeout", DEFAULT_TIMEOUT_S)
    failures = list(_failures(inputs))
    files = inputs.pop("valueYamlFiles", None) or []
    try:
        for file in reversed(files):
            if not contains(file, Computed):
                inputs["values"] = merged(values_in(file), inputs.get("values") or {})
    except (OSError, TypeError, ValueError, yaml.YAMLError) as error:
        failures.append(("valueYamlFiles", str(error)))
    return inputs, failures


def _failures(inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    name = inputs["name"]
    if isinstance(name, str) and (len(name) > MAX_NAME or not NAME.fullmatch(name)):
        allowed = f"at most {MAX_NAME} lower-case letters, digits and dashes"
        found.append(("name", f"{name!r} is no release name: Helm takes {allowed}"))
    if not inputs.get("chart"):
        found.append(("chart", "no chart is given: name one, or a path to one"))
    return found


def values_in(asset: Any) -> Inputs:
    """The values in a file asset (`path`) or a string asset (`text`)."""
    given = cast("Inputs", asset) if isinstance(asset, dict) else {}
    if "text" in given:
        text = str(given["text"])
    elif "path" in given:
        text = Path(str(given["path"])).read_text()
    else:
        raise TypeError("give values files as FileAsset or StringAsset")
    found = yaml.load(text, Loader=LOADER) or {}
    if not isinstance(found, dict):
        raise TypeError(f"{given.get('path', 'a values file')} holds no map of values")
    return cast("Inputs", found)
