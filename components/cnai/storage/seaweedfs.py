"""SeaweedFS: masters that know where things are, servers that hold them, a filer that names them, S3 in front."""

import json
from typing import Any

import pulumi
import yaml

from cnai.catalog.placement import on_system_nodes
from cnai.clouds.traits import ClusterTraits
from cnai.storage.store import Store, aws_keys

SERVERS = 3
SERVICE, PORT = "seaweedfs-s3", 8333
_PARTS = ("master", "volume", "filer", "s3")
_ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]
_MASTER_GIB, _FILER_GIB = 1, 10


def wrong_size(servers: int) -> str | None:
    return None if servers >= 1 else f"SeaweedFS needs at least 1, got {servers}"


def secret_data(user: str, password: pulumi.Output[str]) -> dict[str, pulumi.Output[str]]:
    config = password.apply(lambda secret: s3_config(user, secret))
    return {"seaweedfs_s3_config": config, **aws_keys(user, password)}


def s3_config(user: str, secret_key: str) -> str:
    """Who may use S3: https://github.com/seaweedfs/seaweedfs/wiki/Amazon-S3-API"""
    keys = [{"accessKey": user, "secretKey": secret_key}]
    return json.dumps({"identities": [{"name": user, "credentials": keys, "actions": _ACTIONS}]})


def chart_values(store: Store) -> dict[str, Any]:
    several = store.servers > 1
    computed: dict[str, Any] = {part: _placed(store.traits) for part in _PARTS}
    computed["global"] = {
        "seaweedfs": {
            # One more copy, on another server.
            "enableReplication": several,
            "replicationPlacement": "001" if several else "000",
            "monitoring": {"enabled": store.monitoring},
        }
    }
    # Masters elect a leader by majority.
    computed["master"] |= {"replicas": 3 if store.servers >= 3 else 1, "data": _claim(store.traits, _MASTER_GIB)}
    computed["volume"] |= {
        "replicas": store.servers,
        "dataDirs": [{"name": "data", "maxVolumes": 0, **_claim(store.traits, store.storage_gib)}],
    }
    # A single filer: several would catch up with each other only after a write has been acknowledged.
    computed["filer"] |= {"replicas": 1, "data": _claim(store.traits, _FILER_GIB)}
    computed["s3"] |= {
        "replicas": 2 if several else 1,
        "existingConfigSecret": store.secret,
        "createBuckets": [{"name": bucket} for bucket in store.buckets],
    }
    return computed


def _claim(traits: ClusterTraits, gib: int) -> dict[str, Any]:
    return {"type": "persistentVolumeClaim", "size": f"{gib}Gi", "storageClass": traits.storage_class}


def _placed(traits: ClusterTraits) -> dict[str, Any]:
    """This chart takes placement as YAML text."""
    return {
        key: yaml.safe_dump(value, default_flow_style=True).strip() for key, value in on_system_nodes(traits).items()
    }
