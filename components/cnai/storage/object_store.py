"""What any S3 store inside the cluster is: a chart, its buckets, and a Secret with the administrator's keys."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi

from cnai.capabilities import Capability, Metrics, ObjectStorage, Purpose
from cnai.catalog import catalog
from cnai.catalog.children import child_of
from cnai.catalog.credentials import credentials, password
from cnai.catalog.installing import declared_namespace, install
from cnai.clouds.traits import ClusterTraits
from cnai.component import PlatformComponent
from cnai.environment import TeamSpec
from cnai.site import Site
from cnai.storage.settings import ObjectStoreSettings
from cnai.tenancy.share import Opening, TeamShare

ROOT_USER = "platform"
BUCKETS: tuple[Purpose, ...] = ("models", "data", "artifacts")


@dataclass(frozen=True, kw_only=True)
class ObjectStoreArgs:
    enough: ClassVar[int]
    """Servers that survive the loss of one."""

    traits: ClusterTraits
    """What the cluster can do; `Cluster.traits` gives it."""
    servers: int | None = None
    """Nodes that hold data: enough to lose one where it is left out, a single one on a disposable cluster."""
    storage_gib: int = 100
    """Volume of each server."""
    buckets: tuple[Purpose, ...] = BUCKETS
    """Made when they are not there; never removed."""
    root_password: pulumi.Input[str] | None = None
    """Of the user `platform`; made up once, and kept in the Secret, where it is left out."""
    monitoring: bool = False
    """Whether ServiceMonitors are read here."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Chart values laid over ours."""

    def __post_init__(self) -> None:
        if self.storage_gib < 1:
            raise ValueError(f"storage_gib: give at least 1, got {self.storage_gib}")
        if (wrong := self.wrong_size(self.size)) is not None:
            raise ValueError(f"servers: {wrong}")

    @property
    def size(self) -> int:
        """Servers, decided."""
        if self.servers is not None:
            return self.servers
        return 1 if self.traits.disposable else self.enough

    @abstractmethod
    def wrong_size(self, servers: int) -> str | None:
        """What is wrong with that many, and None where nothing is."""


class ObjectStore(PlatformComponent):
    """A store with its buckets; protected unless the cluster is disposable."""

    package: ClassVar[str]
    service: ClassVar[str]
    """The Service that speaks S3."""
    port: ClassVar[int]

    endpoint: str
    """S3 address inside the cluster."""
    secret: pulumi.Output[str]
    """Secret in `namespace` with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` of the user who may do everything."""
    buckets: tuple[Purpose, ...]

    def __init__(self, name: str, args: ObjectStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:storage:ObjectStore", name, {}, opts)
        kept = child_of(self, protect=not args.traits.disposable)
        namespace = declared_namespace(self.package, f"{name}-namespace", kept)
        secret = credentials(
            f"{name}-{root_secret(self.package)}",
            root_secret(self.package),
            namespace,
            self.secret_data(ROOT_USER, password(args.root_password)),
            kept,
            made_up=args.root_password is None,
        )
        after = child_of(self, secret, protect=kept.protect)
        values = self.values(args)
        release = install(self.package, f"{name}-release", values, after, namespace=namespace)
        self.namespace = release.namespace.apply(str)
        self.endpoint = f"http://{self.service}.{self._home}.svc:{self.port}"
        self.secret = secret.metadata.name.apply(str)
        self.buckets = args.buckets
        self.register_outputs({"namespace": self.namespace, "endpoint": self.endpoint, "secret": self.secret})

    @staticmethod
    @abstractmethod
    def values(args: Any) -> dict[str, Any]:
        """Chart values; credentials are only named in them."""

    @staticmethod
    @abstractmethod
    def secret_data(user: str, password: pulumi.Output[str]) -> dict[str, pulumi.Output[str]]:
        """What the Secret holds: the keys that the chart reads, and those of every S3 client."""

    @staticmethod
    def settled(settings: ObjectStoreSettings, site: Site) -> dict[str, Any]:
        """Args that any store takes."""
        return {
            "traits": site.traits,
            "servers": settings.servers,
            "storage_gib": settings.storage_gib,
            "root_password": site.secret("object_store_root_password"),
            "monitoring": site.has(Metrics),
            "values": settings.values,
        }

    @property
    def _home(self) -> str:
        return catalog()[self.package].namespace

    @property
    def _opening(self) -> Opening:
        return Opening(name="object-store", namespace=self._home, port=self.port)

    def gives(self) -> Iterable[Capability]:
        names: dict[Purpose, pulumi.Input[str]] = {purpose: purpose for purpose in self.buckets}
        yield ObjectStorage(endpoint=self.endpoint, buckets=names, openings=(self._opening,), secret=self.secret)

    def share(self, team: str, spec: TeamSpec) -> TeamShare:
        return TeamShare(openings=(self._opening,))

    def endpoints(self) -> Mapping[str, pulumi.Input[str]]:
        return {"object-store": self.endpoint}


def root_secret(package: str) -> str:
    """Each store reads its own keys, so one Secret could not serve another store after a change."""
    return f"{package}-root"


def aws_keys(user: str, password: pulumi.Output[str]) -> dict[str, pulumi.Output[str]]:
    """Credentials by the names that every S3 client reads from its environment."""
    return {"AWS_ACCESS_KEY_ID": pulumi.Output.from_input(user), "AWS_SECRET_ACCESS_KEY": password}
