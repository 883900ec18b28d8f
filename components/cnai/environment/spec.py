"""The keys of a stack file: what each key of `cnai:…` may hold, and nothing about how keys fit together."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StrictBool,
    StrictStr,
    WithJsonSchema,
    model_validator,
)

from cnai.clouds.aws.settings import AwsSettings
from cnai.clouds.azure.settings import AzureSettings
from cnai.clouds.gcp.settings import GcpSettings
from cnai.clouds.local.settings import LocalSettings
from cnai.clouds.onprem.settings import OnpremSettings
from cnai.clouds.pools import Route, RouteKind, Taint, TaintEffect
from cnai.clouds.settings import Settings
from cnai.errors import UserError

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
MOST_NODES = 5000
"""What Kubernetes supports in one cluster: https://kubernetes.io/docs/setup/best-practices/cluster-large/"""

Count = Annotated[int, Field(strict=True, ge=0)]
Nodes = Annotated[int, Field(strict=True, ge=0, le=MOST_NODES)]
Priority = Literal["batch", "training", "serving"]


def _name(value: str) -> str:
    if len(value) > 40 or not re.fullmatch(NAME[1:-1], value):
        raise ValueError("use at most 40 lower-case letters, digits and inner dashes")
    return value


Name = Annotated[StrictStr, AfterValidator(_name), WithJsonSchema({"type": "string", "maxLength": 40, "pattern": NAME})]


def _route(given: Any) -> Route:
    kinds = get_args(RouteKind)
    if isinstance(given, str) and given in kinds and given != "block":
        return Route(kind=given)  # type: ignore[arg-type]
    if isinstance(given, Mapping) and all(isinstance(value, str) and value for value in given.values()):
        for kind in ("block", "reserved"):
            if kind in given and set(given) <= {kind, "zone"}:
                return Route(kind=kind, id=given[kind], zone=given.get("zone", ""))
    raise ValueError(
        "give on-demand, spot, reserved or queued, or name one as {reserved: ID} or {block: ID}, optionally with `zone`"
    )


def _taint(given: Any) -> Taint:
    found = (
        re.fullmatch(r"([a-zA-Z0-9][-\w./]{0,250})(?:=([-\w.]{0,63}))?:(\w+)", given)
        if isinstance(given, str)
        else None
    )
    if found is None or found[3] not in get_args(TaintEffect):
        raise ValueError(f"write key=value:Effect, where Effect is {', '.join(get_args(TaintEffect))}")
    return Taint(key=found[1], value=found[2] or "", effect=found[3])  # type: ignore[arg-type]


RouteSpec = Annotated[
    Route,
    BeforeValidator(_route),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["on-demand", "spot", "reserved", "queued"]},
                *(
                    {
                        "type": "object",
                        "properties": {key: {"type": "string", "minLength": 1} for key in (kind, "zone")},
                        "required": [kind],
                        "additionalProperties": False,
                    }
                    for kind in ("reserved", "block")
                ),
            ]
        }
    ),
]
TaintSpec = Annotated[
    Taint,
    BeforeValidator(_taint),
    WithJsonSchema({"type": "string", "pattern": r"^[^=:]+(=[^:]*)?:(NoSchedule|PreferNoSchedule|NoExecute)$"}),
]


def _empty_settings(given: Any) -> Any:
    """`local:` with nothing after it means its defaults."""
    return {} if given is None else given


class CloudSpec(Settings):
    """Where the environment runs: exactly one cloud, with its settings."""

    local: Annotated[LocalSettings | None, BeforeValidator(_empty_settings)] = None
    """The sandbox's own cloud: simulated nodes on this machine."""
    aws: AwsSettings | None = None
    """EKS in its own VPC."""
    gcp: GcpSettings | None = None
    """GKE in its own VPC."""
    azure: AzureSettings | None = None
    """AKS in its own VNet."""
    onprem: OnpremSettings | None = None
    """An existing cluster: in a data center, or kind, minikube or k3s on a laptop."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"name exactly one cloud of {', '.join(type(self).model_fields)}")
        return self


def settings_model(cloud: str) -> type[Any]:
    """The model of `cnai:cloud.<cloud>`. Raises `UserError` for an unknown cloud."""
    if cloud not in CloudSpec.model_fields:
        raise UserError(f"no cloud {cloud!r}: give one of {', '.join(CloudSpec.model_fields)}")
    return next(arg for arg in get_args(CloudSpec.model_fields[cloud].annotation) if arg is not type(None))


class SharingSpec(Settings):
    """How one GPU serves several pods."""

    time_slices: Annotated[int, Field(strict=True, ge=1, le=64)] = 1
    """How many pods take turns on one GPU; their memory is not isolated."""
    mig: StrictStr = ""
    """MIG profile, such as 1g.10gb: every GPU is partitioned into as many of these as fit."""


class PoolSpec(Settings):
    """Identical nodes. Name the accelerator, or the machine, or neither for a plain CPU pool."""

    accelerator: StrictStr | None = None
    """GPU model, such as H100; the cheapest machine per GPU is chosen."""
    count_per_node: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Accelerators per node, where the cloud has machines of several sizes."""
    machine: StrictStr | None = None
    """Machine type by the cloud's own name."""
    min: Nodes = 0
    """Minimum number of nodes; they are always up."""
    max: Nodes | None = None
    """Maximum number of nodes; if left out, `min`, and at least 1."""
    capacity: Annotated[tuple[RouteSpec, ...], Field(min_length=1)] = (Route(kind="on-demand"),)
    """Routes to machines, tried in order: reserved, block, on-demand, spot, queued."""
    sharing: SharingSpec = SharingSpec()
    """Time slicing or MIG; whole GPUs if left out."""
    fabric: StrictStr | None = None
    """RDMA between nodes, such as efa."""
    placement: Literal["compact"] | None = None
    """`compact` places the nodes as close together as the cloud can."""
    topology: StrictStr | None = None
    """Shape of a TPU slice, such as 2x4."""
    selector: dict[StrictStr, StrictStr] = Field(default_factory=dict)
    """For existing nodes: the labels that select this pool's."""
    zones: tuple[StrictStr, ...] = ()
    """Zones to use; all of the cluster's if left out."""
    labels: dict[StrictStr, StrictStr] = Field(default_factory=dict)
    """Node labels in addition to those set upstream."""
    taints: tuple[TaintSpec, ...] = ()
    """Taints as key=value:Effect, in addition to NVIDIA's on GPU nodes."""

    @property
    def most(self) -> int:
        return max(self.min, 1) if self.max is None else self.max


class TeamSpec(Settings):
    """Who shares the platform: each team has a namespace named after it."""

    gpus: dict[StrictStr, Count] = Field(default_factory=dict)
    """GPUs by pool."""
    borrow: StrictBool = False
    """Whether it may borrow what other teams leave idle, up to the pools' `max`."""
    priority: Priority = "training"
    """The highest priority its pods may have: serving preempts training, training preempts batch."""
    storage_gib: Count = 1024
    """Total size of its persistent volumes."""
    sso_group: Annotated[StrictStr, Field(min_length=1)] | None = None
    """The identity provider's group that may work in the namespace."""
    budget_usd_per_month: Count | None = None
    """Recorded on the namespace, for cost reports."""


def _secret(given: Any) -> Any:
    """A stack file holds `{secure: …}`; the engine passes the value decrypted."""
    if isinstance(given, Mapping) and set(given) == {"secure"}:
        return given["secure"]
    return given


SecretSpec = Annotated[
    SecretStr,
    BeforeValidator(_secret),
    Field(min_length=1),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {"secure": {"type": "string"}},
            "required": ["secure"],
            "additionalProperties": False,
            "description": "Set with `./cnai pulumi config set --secret --path 'cnai:secrets.NAME'`.",
        }
    ),
]
