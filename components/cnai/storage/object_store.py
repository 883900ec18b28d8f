"""An S3 store inside the cluster for models, data and artifacts: SeaweedFS, or MinIO for those who have it already."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi

from cnai.catalog import catalog, merged
from cnai.catalog.children import child_of
from cnai.catalog.credentials import credentials, password
from cnai.catalog.installing import declared_namespace
from cnai.clouds.traits import ClusterTraits
from cnai.storage import minio, seaweedfs
from cnai.storage.store import Store

Kind = Literal["minio", "seaweedfs"]
ROOT_USER = "platform"
_KINDS = {"minio": minio, "seaweedfs": seaweedfs}


@dataclass(frozen=True, kw_only=True)
class ObjectStoreArgs:
    traits: ClusterTraits
    """What the cluster can do; `Cluster.traits` gives it."""
    kind: Kind = "seaweedfs"
    """MinIO's upstream is archived: for new stores take SeaweedFS."""
    servers: int | None = None
    """Nodes that hold data: enough to lose one where it is left out, a single one on a disposable cluster."""
    storage_gib: int = 100
    """Volume of each server."""
    buckets: tuple[str, ...] = ("models", "data", "artifacts")
    """Made when they are not there; never removed."""
    root_password: pulumi.Input[str] | None = None
    """Of the user `platform`; made up once, and kept in the Secret, where it is left out."""
    monitoring: bool = False
    """Whether ServiceMonitors are read here."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Chart values laid over ours."""

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"kind: give one of {', '.join(_KINDS)}, got {self.kind!r}")
        if self.storage_gib < 1:
            raise ValueError(f"storage_gib: give at least 1, got {self.storage_gib}")
        if (wrong := _KINDS[self.kind].wrong_size(servers_of(self))) is not None:
            raise ValueError(f"servers: {wrong}")


def servers_of(args: ObjectStoreArgs) -> int:
    if args.servers is not None:
        return args.servers
    return 1 if args.traits.disposable else _KINDS[args.kind].SERVERS


def root_secret(kind: Kind) -> str:
    """Each kind reads its own keys, so that one Secret could not serve the other after a change of kind."""
    return f"{kind}-root"


def chart_values(args: ObjectStoreArgs) -> dict[str, Any]:
    """Credentials are only named here: they stand in the Secret."""
    wanted = Store(
        traits=args.traits,
        servers=servers_of(args),
        storage_gib=args.storage_gib,
        buckets=args.buckets,
        secret=root_secret(args.kind),
        monitoring=args.monitoring,
    )
    return merged(_KINDS[args.kind].chart_values(wanted), args.values)


class ObjectStore(pulumi.ComponentResource):
    """The store with its buckets; protected unless the cluster is disposable."""

    namespace: pulumi.Output[str]
    endpoint: str
    """S3 address inside the cluster."""
    secret: pulumi.Output[str]
    """Secret in `namespace` with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` of the user who may do everything."""
    buckets: tuple[str, ...]

    def __init__(self, name: str, args: ObjectStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:storage:ObjectStore", name, {}, opts)
        kept = child_of(self, protect=not args.traits.disposable)
        package, kind = catalog()[args.kind], _KINDS[args.kind]
        namespace = declared_namespace(package, f"{name}-namespace", kept)
        secret = credentials(
            f"{name}-{args.kind}-root",
            root_secret(args.kind),
            namespace,
            kind.secret_data(ROOT_USER, password(args.root_password)),
            kept,
            made_up=args.root_password is None,
        )
        after = child_of(self, secret, protect=kept.protect)
        release = package.install(f"{name}-release", chart_values(args), after, namespace=namespace)
        self.namespace = release.namespace.apply(str)
        self.endpoint = f"http://{kind.SERVICE}.{package.namespace}.svc:{kind.PORT}"
        self.secret = secret.metadata.name.apply(str)
        self.buckets = args.buckets
        self.register_outputs({"namespace": self.namespace, "endpoint": self.endpoint, "secret": self.secret})
