"""Pods of our own for every check of the Pod Security Standards, each with the rules that it breaks."""

import copy
from dataclasses import dataclass
from typing import Any

Pod = dict[str, Any]
GOOD_CONTAINER = {
    "image": "registry.invalid/nothing:1.0",
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    },
}
GOOD: Pod = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "sample"},
    "spec": {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "initContainers": [{"name": "first", **copy.deepcopy(GOOD_CONTAINER)}],
        "containers": [{"name": name, **copy.deepcopy(GOOD_CONTAINER)} for name in ("main", "side")],
    },
}
"""Passes the restricted level."""
PLAIN: Pod = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "sample"},
    "spec": {"containers": [{"name": "main", "image": "registry.invalid/nothing:1.0"}]},
}
"""Passes the baseline level, as most pods do that think of nothing."""
UNTHOUGHT = frozenset(
    {"allowPrivilegeEscalation", "runAsNonRoot", "seccompProfile_restricted", "capabilities_restricted"}
)
"""What the plain pod breaks."""


@dataclass(frozen=True)
class Sample:
    name: str
    pod: Pod
    breaks: frozenset[str]
    server_refuses: bool = False
    """The API server's own validation takes it for no pod at all, so that admission never sees it."""


def changed(pod: Pod, changes: dict[str, Any]) -> Pod:
    """A copy with some fields set, such as `spec.containers.0.name`; `...` takes a field away."""
    result = copy.deepcopy(pod)
    for path, value in changes.items():
        here: Any = result
        *way, last = [int(key) if key.isdigit() else key for key in path.split("|" if "|" in path else ".")]
        for key in way:
            here = here[key] if isinstance(here, list) else here.setdefault(key, {})
        if value is ...:
            del here[last]
        else:
            here[last] = value
    return result


def sample(name: str, changes: dict[str, Any], *breaks: str, of: Pod = GOOD, server_refuses: bool = False) -> Sample:
    return Sample(name, changed(of, changes), frozenset(breaks), server_refuses)


CONTAINERS = ("spec.containers.1", "spec.initContainers.0")
POD_AND_CONTAINERS = ("spec", *CONTAINERS)


def everywhere(places: tuple[str, ...], name: str, field: str, value: Any, *breaks: str, **more: Any) -> list[Sample]:
    """The same field in each place."""
    return [sample(f"{name} in {place}", {f"{place}.{field}": value}, *breaks, **more) for place in places]


def with_ephemeral(pod: Pod, container: dict[str, Any]) -> Pod:
    return changed(pod, {"spec.ephemeralContainers": [{"name": "debug", **container}]})


PRIVILEGED = [
    *everywhere(CONTAINERS, "privileged", "securityContext", {"privileged": True, "capabilities": {"drop": ["ALL"]}},
                "privileged", "allowPrivilegeEscalation"),
    *everywhere(CONTAINERS, "not privileged", "securityContext.privileged", False),
]  # fmt: skip
HOST = [
    sample("host network", {"spec.hostNetwork": True}, "hostNamespaces"),
    sample("host processes", {"spec.hostPID": True}, "hostNamespaces"),
    sample("host IPC", {"spec.hostIPC": True}, "hostNamespaces"),
    sample("no host namespaces", {"spec.hostNetwork": False, "spec.hostPID": False, "spec.hostIPC": False}),
    *everywhere(CONTAINERS, "host port", "ports", [{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081}],
                "hostPorts"),
    *everywhere(CONTAINERS, "no host port", "ports", [{"containerPort": 80, "hostPort": 0}]),
]  # fmt: skip
WINDOWS_POD = changed(PLAIN, {"spec.os": {"name": "windows"}, "spec.securityContext": {"runAsNonRoot": True}})
WINDOWS = [
    Sample("windows", WINDOWS_POD, frozenset()),
    sample("windows as root", {"spec.securityContext": {}}, "runAsNonRoot", of=WINDOWS_POD),
    sample("linux by name", {"spec.os": {"name": "linux"}}, *UNTHOUGHT, of=PLAIN),
    sample("windows host process", {"spec.securityContext.windowsOptions": {"hostProcess": True},
           "spec.hostNetwork": True}, "windowsHostProcess", "hostNamespaces", of=WINDOWS_POD),
    sample("windows host process container", {"spec.containers.0.securityContext": {"windowsOptions":
           {"hostProcess": True}}, "spec.hostNetwork": True}, "windowsHostProcess", "hostNamespaces",
           of=changed(WINDOWS_POD, {"spec.securityContext.windowsOptions": {"hostProcess": True}})),
    sample("no windows host process", {"spec.securityContext.windowsOptions": {"hostProcess": False}}),
]  # fmt: skip
CAPABILITIES = [
    *everywhere(CONTAINERS, "SYS_ADMIN", "securityContext.capabilities.add", ["CHOWN", "SYS_ADMIN"],
                "capabilities_baseline", "capabilities_restricted"),
    *everywhere(CONTAINERS, "NET_RAW", "securityContext.capabilities.add", ["NET_RAW"],
                "capabilities_baseline", "capabilities_restricted"),
    *everywhere(CONTAINERS, "CHOWN", "securityContext.capabilities.add", ["CHOWN"], "capabilities_restricted"),
    *everywhere(CONTAINERS, "NET_BIND_SERVICE", "securityContext.capabilities.add", ["NET_BIND_SERVICE"]),
    *everywhere(CONTAINERS, "drops some", "securityContext.capabilities.drop", ["NET_RAW"], "capabilities_restricted"),
    *everywhere(CONTAINERS, "drops ALL and more", "securityContext.capabilities.drop", ["NET_RAW", "ALL"]),
    *everywhere(CONTAINERS, "drops nothing", "securityContext.capabilities", {}, "capabilities_restricted"),
]  # fmt: skip
SOURCES = {
    "configMap": {"name": "x"}, "csi": {"driver": "x"}, "downwardAPI": {"items": []}, "emptyDir": {},
    "persistentVolumeClaim": {"claimName": "x"}, "projected": {"sources": []}, "secret": {"secretName": "x"},
    "image": {"reference": "registry.invalid/data"},
    "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"],
                  "resources": {"requests": {"storage": "1Gi"}}}}},
}  # fmt: skip
RESTRICTED_SOURCES = {
    "awsElasticBlockStore": {"volumeID": "x"}, "azureDisk": {"diskName": "x", "diskURI": "https://x/x/x"},
    "azureFile": {"secretName": "x", "shareName": "x"}, "cephfs": {"monitors": ["x"]}, "cinder": {"volumeID": "x"},
    "fc": {"wwids": ["x"]}, "flexVolume": {"driver": "x/x"}, "flocker": {"datasetName": "x"},
    "gcePersistentDisk": {"pdName": "x"}, "gitRepo": {"repository": "x"},
    "glusterfs": {"endpoints": "x", "path": "x"},
    "iscsi": {"targetPortal": "x", "iqn": "iqn.2001-04.com.example:x", "lun": 1}, "nfs": {"server": "x", "path": "/x"},
    "photonPersistentDisk": {"pdID": "x"}, "portworxVolume": {"volumeID": "x"},
    "quobyte": {"registry": "localhost:1", "volume": "x"}, "rbd": {"monitors": ["x"], "image": "x"},
    "scaleIO": {"gateway": "https://x", "system": "x", "volumeName": "x", "secretRef": {"name": "x"}},
    "storageos": {"volumeName": "x"}, "vsphereVolume": {"volumePath": "x"},
}  # fmt: skip
VOLUMES = [
    *(sample(f"{source} volume", {"spec.volumes": [{"name": "v", source: how}]}) for source, how in SOURCES.items()),
    *(
        sample(f"{source} volume", {"spec.volumes": [{"name": "v", source: how}]}, "restrictedVolumes")
        for source, how in RESTRICTED_SOURCES.items()
    ),
    sample("hostPath volume", {"spec.volumes": [{"name": "a", "emptyDir": {}}, {"name": "v", "hostPath":
           {"path": "/"}}]}, "hostPathVolumes", "restrictedVolumes"),
]  # fmt: skip
HANDLERS = {
    f"{outer}.{kind}": how
    for outer in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")
    for kind, how in (("httpGet", {"port": 80, "host": "10.0.0.1"}), ("tcpSocket", {"port": 80, "host": "10.0.0.1"}))
}
PROBES = [
    *(
        sample(f"host of {field}", {f"spec.containers.0.{field}": how}, "hostProbesAndHostLifecycle")
        for field, how in HANDLERS.items()
    ),
    *(
        sample(f"no host of {field}", {f"spec.containers.0.{field}": {**how, "host": ""}})
        for field, how in HANDLERS.items()
    ),
    sample("probe of a sidecar", {"spec.initContainers.0.restartPolicy": "Always",
           "spec.initContainers.0.startupProbe": {"httpGet": {"port": 80, "host": "example.com"}}},
           "hostProbesAndHostLifecycle"),
]  # fmt: skip
ANNOTATION = "metadata|annotations|container.apparmor.security.beta.kubernetes.io/main"
APPARMOR = [
    *everywhere(POD_AND_CONTAINERS, "AppArmor off", "securityContext.appArmorProfile", {"type": "Unconfined"},
                "appArmorProfile"),
    *everywhere(POD_AND_CONTAINERS, "AppArmor local", "securityContext.appArmorProfile",
                {"type": "Localhost", "localhostProfile": "x"}),
    *everywhere(POD_AND_CONTAINERS, "AppArmor", "securityContext.appArmorProfile", {"type": "RuntimeDefault"}),
    sample("AppArmor off by annotation", {ANNOTATION: "unconfined"}, "appArmorProfile"),
    sample("AppArmor by annotation", {ANNOTATION: "runtime/default"}),
    sample("AppArmor local by annotation", {ANNOTATION: "localhost/x"}),
]  # fmt: skip
SELINUX = [
    *(each for kind in ("container_t", "container_init_t", "container_kvm_t", "container_engine_t", "")
      for each in everywhere(POD_AND_CONTAINERS, f"SELinux {kind or 'empty'}", "securityContext.seLinuxOptions",
                             {"type": kind, "level": "s0"})),
    *(each for field, value in (("type", "spc_t"), ("user", "system_u"), ("role", "system_r"))
      for each in everywhere(POD_AND_CONTAINERS, f"SELinux {field}", "securityContext.seLinuxOptions",
                             {field: value}, "seLinuxOptions")),
]  # fmt: skip
PROC_MOUNT = [
    *everywhere(CONTAINERS, "unmasked", "securityContext.procMount", "Unmasked", "procMount", "procMount_restricted",
                server_refuses=True),
    *everywhere(CONTAINERS, "masked", "securityContext.procMount", "Default"),
    *everywhere(CONTAINERS, "unmasked in a user namespace", "securityContext.procMount", "Unmasked",
                "procMount_restricted", of=changed(GOOD, {"spec.hostUsers": False})),
]  # fmt: skip
SECCOMP = [
    *everywhere(POD_AND_CONTAINERS, "seccomp off", "securityContext.seccompProfile", {"type": "Unconfined"},
                "seccompProfile_baseline", "seccompProfile_restricted"),
    *everywhere(POD_AND_CONTAINERS, "seccomp local", "securityContext.seccompProfile",
                {"type": "Localhost", "localhostProfile": "x"}),
    *everywhere(POD_AND_CONTAINERS, "seccomp", "securityContext.seccompProfile", {"type": "RuntimeDefault"}),
    sample("seccomp in one of two", {"spec.securityContext.seccompProfile": ...,
           "spec.containers.0.securityContext.seccompProfile": {"type": "RuntimeDefault"}},
           "seccompProfile_restricted"),
    sample("seccomp in each", {"spec.securityContext.seccompProfile": ...} | {
           f"{place}.securityContext.seccompProfile": {"type": "RuntimeDefault"}
           for place in ("spec.containers.0", *CONTAINERS)}),
]  # fmt: skip
SAFE_SYSCTLS = (
    "kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.tcp_syncookies net.ipv4.ping_group_range "
    "net.ipv4.ip_unprivileged_port_start net.ipv4.ip_local_reserved_ports net.ipv4.tcp_keepalive_time "
    "net.ipv4.tcp_fin_timeout net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes net.ipv4.tcp_rmem "
    "net.ipv4.tcp_wmem"
)
SYSCTLS = [
    sample("safe sysctls", {"spec.securityContext.sysctls": [{"name": each, "value": "1"} for each in
           SAFE_SYSCTLS.split()]}),
    sample("unsafe sysctl", {"spec.securityContext.sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"},
           {"name": "kernel.msgmax", "value": "1"}]}, "sysctls"),
]  # fmt: skip
USERS = [
    *everywhere(POD_AND_CONTAINERS, "user 0", "securityContext.runAsUser", 0, "runAsUser"),
    *everywhere(POD_AND_CONTAINERS, "user 1000", "securityContext.runAsUser", 1000),
    *everywhere(POD_AND_CONTAINERS, "root", "securityContext.runAsNonRoot", False, "runAsNonRoot"),
    *everywhere(CONTAINERS, "not root in all but the pod", "securityContext.runAsNonRoot", True, "runAsNonRoot",
                of=changed(GOOD, {"spec.securityContext.runAsNonRoot": ...})),
    sample("root in the pod, not in its containers", {"spec.securityContext.runAsNonRoot": False} | {
           f"{place}.securityContext.runAsNonRoot": True for place in ("spec.containers.0", *CONTAINERS)},
           "runAsNonRoot"),
    sample("not root in each", {"spec.securityContext.runAsNonRoot": ...} | {
           f"{place}.securityContext.runAsNonRoot": True for place in ("spec.containers.0", *CONTAINERS)}),
    sample("root in a user namespace", {"spec.hostUsers": False, "spec.securityContext.runAsNonRoot": False,
           "spec.securityContext.runAsUser": 0}),
    sample("root with the host's users", {"spec.hostUsers": True, "spec.securityContext.runAsNonRoot": False},
           "runAsNonRoot"),
    *everywhere(CONTAINERS, "escalation", "securityContext.allowPrivilegeEscalation", True, "allowPrivilegeEscalation"),
    *everywhere(CONTAINERS, "escalation unsaid", "securityContext.allowPrivilegeEscalation", ...,
                "allowPrivilegeEscalation"),
]  # fmt: skip
SAMPLES: list[Sample] = [
    Sample("restricted", GOOD, frozenset()),
    Sample("plain", PLAIN, UNTHOUGHT),
    *PRIVILEGED, *HOST, *WINDOWS, *CAPABILITIES, *VOLUMES, *PROBES, *APPARMOR, *SELINUX, *PROC_MOUNT, *SECCOMP,
    *SYSCTLS, *USERS,
]  # fmt: skip
EPHEMERAL: list[tuple[str, dict[str, Any], str]] = [
    ("privileged", {"privileged": True}, "privileged"),
    ("SYS_ADMIN", {"capabilities": {"add": ["SYS_ADMIN"]}}, "capabilities_baseline"),
    ("host process", {"windowsOptions": {"hostProcess": True}}, "windowsHostProcess"),
    ("AppArmor off", {"appArmorProfile": {"type": "Unconfined"}}, "appArmorProfile"),
    ("SELinux", {"seLinuxOptions": {"user": "system_u"}}, "seLinuxOptions"),
    ("unmasked", {"procMount": "Unmasked"}, "procMount"),
    ("seccomp off", {"seccompProfile": {"type": "Unconfined"}}, "seccompProfile_baseline"),
    ("user 0", {"runAsUser": 0}, "runAsUser"),
    ("root", {"runAsNonRoot": False}, "runAsNonRoot"),
    ("escalation", {"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation"),
    ("drops nothing", {}, "capabilities_restricted"),
]
"""Security contexts of an ephemeral container, and a rule that each breaks."""
