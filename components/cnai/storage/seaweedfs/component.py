"""SeaweedFS: masters that know where things are, servers that hold them, a filer that names them, S3 in front."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi
import yaml

from cnai.catalog import merged
from cnai.catalog.placement import on_system_nodes
from cnai.clouds.traits import ClusterTraits
from cnai.site import Site
from cnai.storage.object_store import ObjectStore, ObjectStoreArgs, aws_keys, root_secret
from cnai.storage.settings import ObjectStoreSettings

_PARTS = ("master", "volume", "filer", "s3")
_ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]
_MASTER_GIB, _FILER_GIB = 1, 10


@dataclass(frozen=True, kw_only=True)
class SeaweedFSArgs(ObjectStoreArgs):
    """The maintained store: take it for new ones."""

    enough: ClassVar[int] = 3

    def wrong_size(self, servers: int) -> str | None:
        return None if servers >= 1 else f"SeaweedFS needs at least 1, got {servers}"


def secret_data(user: str, password: pulumi.Output[str]) -> dict[str, pulumi.Output[str]]:
    config = password.apply(lambda secret: s3_config(user, secret))
    return {"seaweedfs_s3_config": config, **aws_keys(user, password)}


def s3_config(user: str, secret_key: str) -> str:
    """Who may use S3: https://github.com/seaweedfs/seaweedfs/wiki/Amazon-S3-API"""
    keys = [{"accessKey": user, "secretKey": secret_key}]
    return json.dumps({"identities": [{"name": user, "credentials": keys, "actions": _ACTIONS}]})


def chart_values(args: SeaweedFSArgs) -> dict[str, Any]:
    several = args.size > 1
    computed: dict[str, Any] = {part: _placed(args.traits) for part in _PARTS}
    computed["global"] = {
        "seaweedfs": {
            # One more copy, on another server.
            "enableReplication": several,
            "replicationPlacement": "001" if several else "000",
            "monitoring": {"enabled": args.monitoring},
        }
    }
    # Masters elect a leader by majority.
    computed["master"] |= {"replicas": 3 if args.size >= 3 else 1, "data": _claim(args.traits, _MASTER_GIB)}
    computed["volume"] |= {
        "replicas": args.size,
        "dataDirs": [{"name": "data", "maxVolumes": 0, **_claim(args.traits, args.storage_gib)}],
    }
    # A single filer: several would catch up with each other only after a write has been acknowledged.
    computed["filer"] |= {"replicas": 1, "data": _claim(args.traits, _FILER_GIB)}
    computed["s3"] |= {
        "replicas": 2 if several else 1,
        "existingConfigSecret": root_secret(SeaweedFS.package),
        "createBuckets": [{"name": bucket} for bucket in args.buckets],
    }
    return merged(computed, args.values)


def _claim(traits: ClusterTraits, gib: int) -> dict[str, Any]:
    return {"type": "persistentVolumeClaim", "size": f"{gib}Gi", "storageClass": traits.storage_class}


def _placed(traits: ClusterTraits) -> dict[str, Any]:
    """This chart takes placement as YAML text."""
    return {
        key: yaml.safe_dump(value, default_flow_style=True).strip() for key, value in on_system_nodes(traits).items()
    }


class SeaweedFS(ObjectStore):
    """SeaweedFS with its buckets; protected unless the cluster is disposable."""

    package, service, port = "seaweedfs", "seaweedfs-s3", 8333
    values = staticmethod(chart_values)
    secret_data = staticmethod(secret_data)

    @classmethod
    def args_for(cls, settings: ObjectStoreSettings, site: Site) -> SeaweedFSArgs:
        return SeaweedFSArgs(**cls.settled(settings, site))
