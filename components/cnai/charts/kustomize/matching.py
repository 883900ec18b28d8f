"""Patches and image overrides that would change nothing: `kustomize` itself passes over those without a word."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from cnai.charts.errors import ChartError

Object = dict[str, Any]
PARTS = ("group", "version", "kind", "name", "namespace")


def check_matches(package: str, kustomization: Mapping[str, Any], objects: Sequence[Object]) -> None:
    """Raises `ChartError` for a patch whose target, or an image whose name, none of upstream's objects has."""
    for patch in kustomization.get("patches") or ():
        target = cast("Mapping[str, Any] | None", patch.get("target"))
        if target and not any(_is_target(target, obj) for obj in objects):
            given = ", ".join(f"{part} {target[part]}" for part in PARTS if target.get(part))
            kind = str(target.get("kind") or "")
            near = sorted({obj["metadata"]["name"] for obj in objects if obj["kind"] == kind})
            known = f"of that kind there are {', '.join(near)}" if near else f"there is no {kind or 'such object'}"
            raise ChartError(f"package {package}: a patch targets {given}, which no object of it is: {known}")
    images = {name for obj in objects for name in _images(obj)}
    for image in kustomization.get("images") or ():
        if image.get("name") and image["name"] not in images:
            raise ChartError(
                f"package {package}: `images` names {image['name']}, which no object of it runs: "
                f"they run {', '.join(sorted(images)) or 'none'}"
            )


def _is_target(target: Mapping[str, Any], obj: Object) -> bool:
    """By kustomize's rule: each given part is a regular expression for the whole; selectors are left to kustomize."""
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    metadata = obj["metadata"]
    has = {
        "group": group,
        "version": version,
        "kind": obj["kind"],
        "name": metadata["name"],
        "namespace": metadata.get("namespace") or "",
    }
    return all(re.fullmatch(str(target[part]), str(has[part])) for part in PARTS if target.get(part))


def _images(value: Any) -> Iterator[str]:
    """Names without tag and digest of what the containers of an object run."""
    if isinstance(value, list):
        for each in cast("list[Any]", value):
            yield from _images(each)
    if isinstance(value, dict):
        for key, each in cast("Object", value).items():
            if key == "image" and isinstance(each, str):
                yield re.sub(r"(@sha256:\w+|:[\w.-]+)$", "", each.partition("@")[0])
            else:
                yield from _images(each)
