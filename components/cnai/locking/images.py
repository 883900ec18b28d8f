"""Images that nodes will pull for what a chart renders: pods' own, and those that it tells its operators to run."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

Object = dict[str, Any]
CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
REFERENCE = re.compile(
    r"(?<![\w./:@-])"
    r"((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z](?::\d+)?"  # a registry: a host with a dot
    r"(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+"
    r"(?::[A-Za-z0-9_][\w.-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64}))"
    r"(?![\w/:])"
)
"""A full reference somewhere in a text: with a registry, and with a tag or a digest."""
NO_TEXT = frozenset({"CustomResourceDefinition", "PrometheusRule"})
"""Kinds whose texts are descriptions and queries."""
FILLED_IN = "auto"
"""What Istio's charts write where its webhook puts the image."""


def images(objects: Iterable[Object]) -> tuple[str, ...]:
    found = {image for each in objects if each["kind"] not in NO_TEXT for image in _in(each)}
    return tuple(sorted(found - {FILLED_IN}))


def _in(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, Any]", value)
        if inner.get("enabled") is False:
            return
        yield from _named(inner)
        for each in inner.values():
            yield from _in(each)
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            yield from _in(each)
    elif isinstance(value, str):
        yield from REFERENCE.findall(value)


def _named(given: Mapping[str, Any]) -> Iterator[str]:
    """Of a container, and of a custom resource that names an image in parts, as NVIDIA's do."""
    for key in CONTAINERS:
        for container in given.get(key) or [] if isinstance(given.get(key), list) else []:
            if isinstance(container, dict) and isinstance(container.get("image"), str):
                yield container["image"]
    parts = [given.get(key) for key in ("repository", "image", "version")]
    if all(isinstance(part, str) and part for part in parts):
        repository, image, version = parts
        yield f"{repository}/{image}{'@' if str(version).startswith('sha256:') else ':'}{version}"
