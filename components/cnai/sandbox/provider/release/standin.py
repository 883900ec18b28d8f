"""A stand-in: a chart made from what the lock says that a package renders, marked as such on every object."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cnai.catalog import Package, Port, Service, Workload
from cnai.sandbox.provider.release.records import STAND_IN

Object = dict[str, Any]
MARK = {STAND_IN: "true"}
WORKLOAD = "app.kubernetes.io/component"


def write(folder: Path, package: Package, release: str, namespace: str) -> None:
    """The chart, with names and namespace filled in already: nothing is left for Helm's templates."""
    chart = {
        "apiVersion": "v2",
        "name": package.chart,
        "version": package.version,
        "appVersion": package.version,
        "description": f"Stands in for {package.name}: what it provides, without its programs",
        "annotations": MARK,
    }
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(json.dumps(chart))
    for number, obj in enumerate(objects(package, release, namespace)):
        text = json.dumps(obj).replace("{{", '{{ "{{" }}')  # as data, should the catalog ever have one
        (folder / "templates" / f"{number:03}-{obj['kind'].lower()}.yaml").write_text(text)


def objects(package: Package, release: str, namespace: str) -> list[Object]:
    lock = package.lock
    made = [
        *(_workload(workload, release) for workload in lock.workloads),
        *(_service(service, release) for service in lock.services),
        *(_volume(claim, size, release) for workload in lock.workloads for claim, size in _shared(workload).items()),
    ]
    for obj in made:
        obj["metadata"] |= {"namespace": namespace}
        obj["metadata"]["labels"] |= MARK | {"app.kubernetes.io/name": package.name}
    return made


def _named(name: str, release: str) -> str:
    return name.replace("{release}", release)


def _labels(workload: str, release: str) -> dict[str, str]:
    """Of a workload's pods; also what its Services select by."""
    return {"app.kubernetes.io/instance": release, WORKLOAD: _named(workload, release)}


def _metadata(name: str, release: str, labels: Mapping[str, str]) -> Object:
    return {"name": _named(name, release), "labels": {"app.kubernetes.io/managed-by": "Helm", **labels}}


def _workload(workload: Workload, release: str) -> Object:
    labels = _labels(workload.name, release)
    name = _named(workload.name, release)
    template: Object = {"metadata": {"labels": labels | MARK}, "spec": _pod(workload, release)}
    spec: Object = {"selector": {"matchLabels": labels}, "template": template}
    if workload.kind != "DaemonSet":
        spec["replicas"] = workload.replicas
    if workload.kind == "StatefulSet":
        spec["serviceName"] = name
        spec["volumeClaimTemplates"] = [
            _claim(_named(claim, release), size) for claim, size in workload.storage.items()
        ]
    return {
        "apiVersion": "apps/v1",
        "kind": workload.kind,
        "metadata": _metadata(workload.name, release, labels),
        "spec": spec,
    }


def _pod(workload: Workload, release: str) -> Object:
    """Within every Pod Security Standard; `requests` are the whole pod's, so its one container's."""
    container: Object = {
        "name": "stand-in",
        "image": workload.image,
        "ports": list(_ports(workload)),
        "resources": {"requests": dict(workload.requests)},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    if workload.storage:
        container["volumeMounts"] = [
            {"name": _named(claim, release), "mountPath": f"/{_named(claim, release)}"} for claim in workload.storage
        ]
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    pod: Object = {"containers": [container], "securityContext": security, "automountServiceAccountToken": False}
    if shared := _shared(workload):
        pod["volumes"] = [
            {"name": _named(claim, release), "persistentVolumeClaim": {"claimName": _named(claim, release)}}
            for claim in shared
        ]
    if workload.tolerates:
        pod["tolerations"] = [dict(toleration) for toleration in workload.tolerates]
    return pod


def _ports(workload: Workload) -> Iterator[Object]:
    """A pod's containers may have two ports of one name; its one container here may not."""
    taken = set[str]()
    for port in workload.ports:
        if port.name not in taken:
            yield {**_name_of(port), "containerPort": port.port, "protocol": port.protocol}
        taken |= {port.name} - {""}


def _name_of(port: Port) -> Object:
    return {"name": port.name} if port.name else {}


def _shared(workload: Workload) -> Mapping[str, str]:
    """Claims that all pods of a workload share: only a StatefulSet makes one per pod."""
    return {} if workload.kind == "StatefulSet" else workload.storage


def _claim(name: str, size: str) -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"metadata": {"name": name, "labels": dict(MARK)}, "spec": spec}


def _volume(name: str, size: str, release: str) -> Object:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **_claim(_named(name, release), size)}


def _service(service: Service, release: str) -> Object:
    spec: Object = {"type": service.type, "ports": [_service_port(port) for port in service.ports]}
    if service.headless:
        spec["clusterIP"] = "None"
    if service.workload:
        spec["selector"] = _labels(service.workload, release)
    labels = {"app.kubernetes.io/instance": release}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(service.name, release, labels), "spec": spec}


def _service_port(port: Port) -> Object:
    return {**_name_of(port), "port": port.port, "targetPort": port.target or port.port, "protocol": port.protocol}
