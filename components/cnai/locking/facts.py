"""Rendered objects as the facts of a lock: CRDs, workloads and Services, with the release's name taken out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from cnai.catalog.lock import Crd, Port, Service, Workload
from cnai.locking.quantities import total

Object = dict[str, Any]
WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")
CLASSES = ("ClusterIP", "NodePort", "LoadBalancer")
RELEASE = "{release}"
MAIN = "kubectl.kubernetes.io/default-container"


@dataclass(frozen=True)
class Names:
    """Which names of objects come from the release: those that change with it."""

    release: str
    changing: frozenset[str]

    @classmethod
    def of(cls, objects: Iterable[Object], others: Iterable[Object], release: str, other: str) -> "Names":
        """`others` are the same objects, rendered for a release of another name."""
        there = {(each["kind"], each["metadata"]["name"]) for each in others}
        here = ((each["kind"], str(each["metadata"]["name"])) for each in objects)
        changed = (name for kind, name in here if (kind, name.replace(release, other, 1)) in there and release in name)
        return cls(release, frozenset(changed))

    def __call__(self, name: str) -> str:
        return name.replace(self.release, RELEASE, 1) if name in self.changing else name


def crds(objects: Iterable[Object], in_folder: Iterable[str]) -> tuple[Crd, ...]:
    """`in_folder`: names of those that lie in the chart's `crds/`."""
    apart = frozenset(in_folder)
    found = (_crd(each, apart) for each in objects if each["kind"] == "CustomResourceDefinition")
    return tuple(sorted(found, key=lambda crd: (crd.group, crd.kind)))


def _crd(crd: Object, apart: frozenset[str]) -> Crd:
    spec = crd["spec"]
    served = tuple(str(each["name"]) for each in spec["versions"] if each.get("served"))
    stored = next(str(each["name"]) for each in spec["versions"] if each.get("storage"))
    return Crd(
        group=spec["group"],
        kind=spec["names"]["kind"],
        plural=spec["names"]["plural"],
        scope=spec["scope"],
        versions=served,
        stored="" if served[-1] == stored else stored,
        folder="crds" if crd["metadata"]["name"] in apart else "templates",
    )


def workloads(objects: Sequence[Object], names: Names) -> tuple[Workload, ...]:
    claims = {each["metadata"]["name"]: _size(each) for each in objects if each["kind"] == "PersistentVolumeClaim"}
    found = (_workload(each, names, claims) for each in objects if each["kind"] in WORKLOADS)
    return tuple(sorted(found, key=lambda each: (each.kind, each.name)))


def _workload(obj: Object, names: Names, claims: Mapping[str, str]) -> Workload:
    spec, kind = obj["spec"], cast("Literal['Deployment', 'StatefulSet', 'DaemonSet']", obj["kind"])
    pod = spec["template"]["spec"]
    return Workload(
        kind=kind,
        name=names(obj["metadata"]["name"]),
        image=_main(spec["template"])["image"],
        replicas=1 if kind == "DaemonSet" or spec.get("replicas") is None else int(spec["replicas"]),
        ports=tuple(_container_ports(pod["containers"])),
        requests=total([_requests(each) for each in _running(pod)]),
        storage=_storage(spec, pod, names, claims),
        tolerates=tuple(_tolerations(pod)) if kind == "DaemonSet" else (),
    )


def _main(template: Object) -> Object:
    """As `kubectl logs` chooses."""
    named = ((template.get("metadata") or {}).get("annotations") or {}).get(MAIN)
    containers = template["spec"]["containers"]
    return next((each for each in containers if each["name"] == named), containers[0])


def _running(pod: Object) -> list[Object]:
    """Containers that stay: init containers that are restarted are sidecars."""
    return [*pod["containers"], *(each for each in pod.get("initContainers") or [] if each.get("restartPolicy"))]


def _requests(container: Object) -> Mapping[str, Any]:
    return (container.get("resources") or {}).get("requests") or {}


def _container_ports(containers: Iterable[Object]) -> Iterator[Port]:
    for container in containers:
        for each in container.get("ports") or []:
            name, number = str(each.get("name") or ""), int(each["containerPort"])
            yield Port(name=name, port=number, protocol=each.get("protocol") or "TCP")


def _storage(spec: Object, pod: Object, names: Names, claims: Mapping[str, str]) -> dict[str, str]:
    own = {each["metadata"]["name"]: _size(each) for each in spec.get("volumeClaimTemplates") or []}
    used = (each.get("persistentVolumeClaim", {}).get("claimName") for each in pod.get("volumes") or [])
    return own | {names(name): claims[name] for name in used if name in claims}


def _size(claim: Object) -> str:
    return str(claim["spec"]["resources"]["requests"]["storage"])


def _tolerations(pod: Object) -> Iterator[Mapping[str, str | int]]:
    for each in pod.get("tolerations") or []:
        yield {key: value for key, value in sorted(each.items()) if value not in (None, "")}


@dataclass(frozen=True)
class Pods:
    """Labels of a workload's pods."""

    workload: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


def services(objects: Sequence[Object], names: Names) -> tuple[Service, ...]:
    pods = [
        Pods(names(each["metadata"]["name"]), each["spec"]["template"]["metadata"].get("labels") or {})
        for each in objects
        if each["kind"] in WORKLOADS
    ]
    found = (_service(each, names, pods) for each in objects if each["kind"] == "Service" and _is_served(each))
    return tuple(sorted(found, key=lambda each: each.name))


def _is_served(service: Object) -> bool:
    """An ExternalName is an alias: it has no ports of its own."""
    return service["spec"].get("type", CLASSES[0]) in CLASSES


def _service(service: Object, names: Names, pods: Iterable[Pods]) -> Service:
    spec = service["spec"]
    selector = (spec.get("selector") or {}).items()
    chosen = [each.workload for each in pods if selector and selector <= each.labels.items()]
    return Service(
        name=names(service["metadata"]["name"]),
        ports=tuple(_service_port(each) for each in spec.get("ports") or []),
        workload=chosen[0] if chosen else "",
        type=spec.get("type") or "ClusterIP",
        headless=spec.get("clusterIP") == "None",
    )


def _service_port(port: Object) -> Port:
    number, target = int(port["port"]), port.get("targetPort") or 0
    return Port(
        name=str(port.get("name") or ""),
        port=number,
        target=0 if target == number else target,
        protocol=port.get("protocol") or "TCP",
    )
