"""Simulated volumes: a PersistentVolume for every claim that waits for one, resized and deleted like real ones."""

from collections.abc import Callable, Mapping
from typing import Any

from cnai.kube import ApiError, Kube, Object

PROVISIONER = "cnai.dev/sandbox"
SIMULATED = "cnai.dev/simulated"
STORAGE_CLASS: Object = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "cnai-sandbox",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        "labels": {SIMULATED: "true"},
    },
    "provisioner": PROVISIONER,
    "reclaimPolicy": "Delete",
    # As the clouds' own classes: the volume goes where the pod is placed.
    "volumeBindingMode": "WaitForFirstConsumer",
    "allowVolumeExpansion": True,
}
SELECTED_NODE = "volume.kubernetes.io/selected-node"
ASKED_OF = "volume.kubernetes.io/storage-provisioner"
"""kube-controller-manager writes it when a volume is due; with WaitForFirstConsumer, once a node was chosen."""
ZONE = "topology.kubernetes.io/zone"
CONFLICT = 409


def is_due(claim: Mapping[str, Any]) -> bool:
    """Whether the claim waits for a volume, by whichever provisioner: none but this one runs in a sandbox."""
    metadata, spec = claim["metadata"], claim["spec"]
    asked: str = (metadata.get("annotations") or {}).get(ASKED_OF, "")
    return bool(asked) and not spec.get("volumeName") and "deletionTimestamp" not in metadata


def volume_for(claim: Mapping[str, Any], storage_class: Mapping[str, Any], zone: str | None) -> Object:
    """`zone` ties the volume to one, as block storage is in every cloud; shared file systems are not."""
    metadata, spec = claim["metadata"], claim["spec"]
    provisioner = metadata["annotations"][ASKED_OF]
    zonal = zone is not None and not {"ReadWriteMany", "ReadOnlyMany"} & set(spec["accessModes"])
    terms = [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": f"pvc-{metadata['uid']}",
            "labels": {SIMULATED: "true"},
            # Without it kube-controller-manager would take the volume for its own to delete.
            "annotations": {"pv.kubernetes.io/provisioned-by": provisioner},
        },
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "storageClassName": spec["storageClassName"],
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
            "mountOptions": storage_class.get("mountOptions") or [],
            # Nothing is there: no container runs that could mount it.
            "hostPath": {"path": f"/var/lib/cnai-simulated/{metadata['namespace']}/{metadata['name']}"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            **({"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}} if zonal else {}),
        },
    }


def is_outgrown(claim: Mapping[str, Any]) -> bool:
    """Whether a bound claim asks for another size than it has."""
    status = claim.get("status") or {}
    has = (status.get("capacity") or {}).get("storage")
    return status.get("phase") == "Bound" and has not in (None, claim["spec"]["resources"]["requests"].get("storage"))


def is_spent(volume: Mapping[str, Any]) -> bool:
    """Whether a simulated volume's claim is gone and the volume is to go with it."""
    labels: Mapping[str, str] = volume["metadata"].get("labels") or {}
    released = (volume.get("status") or {}).get("phase") == "Released"
    going = "deletionTimestamp" in volume["metadata"]
    delete = volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
    return labels.get(SIMULATED) == "true" and released and delete and not going


def is_another_class(storage_class: Mapping[str, Any]) -> bool:
    """A simulated cluster's own one."""
    metadata = storage_class["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    return labels.get(SIMULATED) == "true" and metadata["name"] != STORAGE_CLASS["metadata"]["name"]


class Provisioner:
    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    def install_class(self) -> None:
        """Unless the environment's cluster has its own classes."""
        if any(is_another_class(each) for each in self._kube.list("storage.k8s.io/v1", "StorageClass")):
            return
        self._kube.apply(STORAGE_CLASS, field_manager="cnai-sandbox", force=True)

    def claim_changed(self, _before: Object | None, claim: Object | None) -> None:
        if claim and is_due(claim):
            self._provision(claim)
        elif claim and is_outgrown(claim):
            self._resize(claim)

    def volume_changed(self, _before: Object | None, volume: Object | None) -> None:
        if volume and is_spent(volume):
            self._kube.delete("v1", "PersistentVolume", volume["metadata"]["name"])

    def _provision(self, claim: Object) -> None:
        name = claim["spec"]["storageClassName"]
        storage_class = self._kube.get("storage.k8s.io/v1", "StorageClass", name)
        if storage_class is None:
            return  # deleted meanwhile; the claim waits, as it would anywhere
        volume = volume_for(claim, storage_class, self._zone(claim))
        _unless_there(lambda: self._kube.create(volume, field_manager="cnai-sandbox"))

    def _zone(self, claim: Object) -> str | None:
        node = claim["metadata"]["annotations"].get(SELECTED_NODE)
        found = self._kube.get("v1", "Node", node) if node else None
        return (found["metadata"].get("labels") or {}).get(ZONE) if found else None

    def _resize(self, claim: Object) -> None:
        metadata = claim["metadata"]
        volume = self._kube.get("v1", "PersistentVolume", claim["spec"]["volumeName"])
        if volume is None or (volume["metadata"].get("labels") or {}).get(SIMULATED) != "true":
            return
        size = {"capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]}}
        self._kube.patch("v1", "PersistentVolume", volume["metadata"]["name"], {"spec": size})
        status = {"status": {**size, "conditions": None}}
        self._kube.patch(
            "v1", "PersistentVolumeClaim", metadata["name"], status, metadata["namespace"], subresource="status"
        )


def _unless_there(create: Callable[[], Object]) -> None:
    try:
        create()
    except ApiError as error:
        if error.status != CONFLICT:
            raise
