"""What an environment declares, as a reviewer reads it: a block for each component, with the resources in it.

Complete: whatever a program declares differently shows. Left out is only what another line says:

- `usual` has what most resources of a type say alike; one that says something else says so, or `lacks` it
- `like: Bucket data` is that one over again, with this one's name in place of that one's
- `apiVersion` and `kind` are in a resource's type, and its provider is the only one of the package
- `after` names a component in place of all that is in it, as `depends_on` does in a program
- of a text over `LONG` characters there is a digest; one that is JSON is shown as what it says
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from golden_common import Body, alike, unusual, usual
from golden_text import block_text, read, readable
from recording import Registered


def written(resources: Iterable[Registered]) -> str:
    """The golden's text."""
    return "\n".join(block_text(block) for block in Declared(resources).blocks())


def counted(golden: str) -> list[str]:
    """`type::name` of every resource in a golden."""
    blocks = read(golden)
    blocks.pop("usual", None)
    return [_key(head) for top, block in blocks.items() for head in (top, *block.get("has", ())) if head != "stack"]


NO_OBJECTS = ("kubernetes:helm.sh/", "kubernetes:yaml/")


class Declared:
    """The resources of one environment, and what they have in common."""

    def __init__(self, resources: Iterable[Registered]) -> None:
        self._all = {each.key: each for each in sorted(resources, key=lambda each: (each.type, each.name))}
        self._inside: dict[str, list[str]] = defaultdict(list)
        for key, each in self._all.items():
            self._inside[each.parent].append(key)
        self._shorts = _shorts(self._all)
        self._providers = _only_providers(self._all)
        self._parts = [(key, self._within(key)) for key in self._components("")]
        bodies = {key: self._body(each) for key, each in self._all.items()}
        self._usual = {kind: same for kind, group in _by_type(bodies) if (same := usual(group))}
        self._bodies = {key: unusual(body, self._usual.get(_type(key), {})) for key, body in bodies.items()}
        self._alike = {key: found for _, group in _by_type(self._bodies) for key, found in alike(group)}

    def blocks(self) -> Iterable[Body]:
        """What is usual, what has no component around it, then each component, the outer ones first."""
        if self._usual:
            yield {"usual": self._usual}
        if loose := self._leaves(""):
            yield {"stack": {"has": loose}}
        for key in self._components(""):
            inside = self._leaves(key)
            around = self._all[key].parent
            place = {"in": self._short(around)} if around else {}
            yield {_head(key): {**place, **self._bodies[key], **({"has": inside} if inside else {})}}

    def _leaves(self, parent: str) -> Body:
        return {_head(key): self._told(key) for key in self._inside[parent] if not self._is_block(key)}

    def _told(self, key: str) -> Body:
        alike = self._alike.get(key)
        return {"like": self._short(alike)} if alike else self._bodies[key]

    def _components(self, parent: str) -> Iterable[str]:
        for key in [each for each in self._inside[parent] if self._is_block(each)]:
            yield key
            yield from self._components(key)

    def _is_block(self, key: str) -> bool:
        return key.startswith("cnai:") or key in self._inside

    def _body(self, resource: Registered) -> Body:
        options = dict(resource.options)
        after = self._after(options.pop("dependsOn", []))
        told = self._provider(resource.key, options.pop("provider", None))
        providers = [self._of_package(*pair) for pair in options.pop("providers", {}).items()]
        given = {"providers": providers, "after": after, **_inputs(resource)}
        return told | {key: value for key, value in (options | given).items() if value}

    def _provider(self, key: str, provider: str | None) -> Body:
        if key.startswith(("cnai:", "pulumi:")) or provider == self._providers.get(_package(key)):
            return {"provider": self._short(provider)} if provider and key.startswith(("cnai:", "pulumi:")) else {}
        return {"provider": self._short(provider) if provider else "none"}

    def _of_package(self, package: str, provider: str) -> Any:
        return package if self._providers.get(package) == provider else {package: self._short(provider)}

    def _after(self, keys: list[str]) -> list[str]:
        left, found = set(keys), list[str]()
        for component, within in self._parts:
            if len(within) > 1 and within <= left:
                found.append(component)
                left -= within
        return sorted(self._short(key) for key in (*found, *left))

    def _within(self, component: str) -> set[str]:
        """What `depends_on` makes of it: the resources in it and in its components, without the components."""
        inside = self._inside.get(component, [])
        return {key for each in inside for key in (self._within(each) if each.startswith("cnai:") else {each})}

    def _short(self, key: str) -> str:
        return self._shorts.get(key, key)


def _by_type(bodies: Mapping[str, Body]) -> list[tuple[str, dict[str, Body]]]:
    groups: dict[str, dict[str, Body]] = defaultdict(dict)
    for key, body in bodies.items():
        groups[_type(key)][key] = body
    return list(groups.items())


def _inputs(resource: Registered) -> Body:
    implied = _implied(resource.type)
    inputs = {name: readable(value) for name, value in sorted(resource.inputs.items())}
    return {
        "lacks": [name for name in implied if name not in inputs],
        "inputs": {name: value for name, value in inputs.items() if value != implied.get(name)},
    }


def _implied(kind: str) -> dict[str, str]:
    """The fields that a type says: `kubernetes:core/v1:Namespace` is a `v1` `Namespace`."""
    if not kind.startswith("kubernetes:") or kind.startswith(NO_OBJECTS):
        return {}
    _, api, name = kind.split(":")
    return {"apiVersion": api.removeprefix("core/"), "kind": name}


def _shorts(resources: Mapping[str, Registered]) -> dict[str, str]:
    """`Kind name` for each resource that is the only one to be called so."""
    shorts = {key: f"{each.type.split(':')[-1]} {each.name}" for key, each in resources.items()}
    return {key: short if list(shorts.values()).count(short) == 1 else _head(key) for key, short in shorts.items()}


def _only_providers(keys: Iterable[str]) -> dict[str, str]:
    """By package, where there is one."""
    providers = [(_package(key), key) for key in keys if key.startswith("pulumi:providers:")]
    packages = [package for package, _ in providers]
    return {package: key for package, key in providers if packages.count(package) == 1}


def _package(key: str) -> str:
    return key.removeprefix("pulumi:providers:").split(":")[0]


def _type(key: str) -> str:
    return key.partition("::")[0]


def _head(key: str) -> str:
    return key.replace("::", " ", 1)


def _key(head: str) -> str:
    return head.replace(" ", "::", 1)
