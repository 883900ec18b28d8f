"""What a type token of the Kubernetes package says: API version, kind, whether it is a patch."""

from dataclasses import dataclass

RELEASE = "kubernetes:helm.sh/v3:Release"
COMPONENTS = {
    "kubernetes:yaml/v2:ConfigFile": "ConfigFile",
    "kubernetes:yaml/v2:ConfigGroup": "ConfigGroup",
    "kubernetes:kustomize/v2:Directory": "Directory",
    "kubernetes:helm.sh/v4:Chart": "Chart",
}


@dataclass(frozen=True)
class Kind:
    """What a resource is in the API server's terms."""

    api_version: str
    kind: str
    patch: bool = False
    """A `*Patch` resource: some fields of an object owned elsewhere."""


def kind_of(token: str) -> Kind:
    """`kubernetes:core/v1:ConfigMapPatch` is v1 ConfigMap, and a patch."""
    _, version, kind = token.split(":", 2)
    api_version = version.removeprefix("core/")
    patch = kind.endswith("Patch") and kind != "Patch"
    return Kind(api_version, kind.removesuffix("Patch") if patch else kind, patch)


def token_of(api_version: str, kind: str) -> str:
    """The token under which the official SDKs know a kind."""
    version = api_version if "/" in api_version else f"core/{api_version}"
    return f"kubernetes:{version}:{kind}"


def object_id(namespace: str | None, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def split_id(given: str) -> tuple[str | None, str]:
    """`namespace/name`, or `name` for what has no namespace (or is in the default one)."""
    namespace, _, name = given.rpartition("/")
    return namespace or None, name
