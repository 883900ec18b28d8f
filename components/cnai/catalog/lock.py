"""What a package's chart renders with our values on a small cluster, as `cnai catalog lock` wrote it down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from cnai.catalog.keys import Known, known
from cnai.errors import UserError

_STRICT = ConfigDict(extra="forbid")
FILE = "lock.yaml"


@dataclass(frozen=True, kw_only=True)
class Crd:
    """A kind that the package brings, enough to accept objects of it where its schema is not at hand."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    group: str
    kind: str
    plural: str
    scope: Literal["Namespaced", "Cluster"] = "Namespaced"
    versions: tuple[str, ...]
    """Those that are served."""
    stored: str = ""
    """The version that is kept in etcd; the last of `versions` where nothing else is said."""
    folder: Literal["crds", "templates"] = "templates"
    """Where it lies in the chart: Helm neither upgrades nor removes what is in `crds`."""

    @property
    def name(self) -> str:
        return f"{self.plural}.{self.group}"

    @property
    def storage_version(self) -> str:
        return self.stored or self.versions[-1]


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port of a container, or of a Service in front of one."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    port: int
    name: str = ""
    """Upstream may leave out the name of a container's port, and of a Service's only one."""
    target: str | int = 0
    """What a Service's port leads to; its own number where it is left out. Containers have none."""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What the chart runs. `{release}` in a name is the release's."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    kind: Literal["Deployment", "StatefulSet", "DaemonSet"]
    name: str
    image: str
    """Of the container that `kubectl` takes for the pod's main one."""
    replicas: int = 1
    """Of no meaning to a DaemonSet."""
    ports: tuple[Port, ...] = ()
    requests: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of the whole pod, such as `{cpu: 100m}`."""
    storage: Mapping[str, str] = field(default_factory=dict[str, str])
    """PersistentVolumeClaim (template) -> size."""
    tolerates: tuple[Mapping[str, str | int], ...] = ()
    """Tolerations of a DaemonSet, which runs on tainted nodes by them."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A Service of the chart, and the workload whose pods it selects."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    ports: tuple[Port, ...]
    workload: str = ""
    """Name of a workload in the same lock; none where an operator makes the pods."""
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    headless: bool = False


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Facts of one chart at one version; a package that was never locked has an empty one."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    version: str = ""
    chart: str = ""
    """Digest of what the chart renders from, however it is packaged."""
    values: str = ""
    """Digest of the values that it was rendered with."""
    images: tuple[str, ...] = ()
    """What nodes pull; with digests where the registry was in reach."""
    crds: tuple[Crd, ...] = ()
    workloads: tuple[Workload, ...] = ()
    services: tuple[Service, ...] = ()
    sets: Mapping[str, str] = field(default_factory=dict[str, str])
    """Keys of values that we set, all of which the chart has; written as `keys` are."""
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    """Keys of values that the chart knows: `cnai.catalog.keys` says how they are written."""

    @cached_property
    def known(self) -> Known:
        return known(self.keys)


def parsed(document: Any, where: str) -> dict[str, Lock]:
    """The locks of one file, by package. Raises `UserError` with the key's path where one is wrong."""
    try:
        locks = TypeAdapter(dict[str, Lock]).validate_python(document or {})
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{where}: {path}: {first['msg']}: make it anew with `cnai catalog lock`") from None
    for name, lock in locks.items():
        _check(name, lock, where)
    return locks


def _check(name: str, lock: Lock, where: str) -> None:
    names = {workload.name for workload in lock.workloads}
    for service in lock.services:
        if service.workload and service.workload not in names:
            have = ", ".join(sorted(names)) or "none"
            raise UserError(f"{where}: {name}: Service {service.name} selects no workload of: {have}")
