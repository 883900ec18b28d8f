"""Loopback ports: chosen once for an environment and kept for its life."""

import random
import socket
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from cnai.errors import FailedError
from cnai.sandbox.controlplane.state import PlaneState

PORTS = {
    "etcd": ("etcdPort", "etcdPeerPort"),
    "kube-apiserver": ("kubeApiserverPort",),
    "kube-controller-manager": ("kubeControllerManagerPort",),
    "kube-scheduler": ("kubeSchedulerPort",),
    "kwok-controller": ("kwokControllerPort",),
}
"""Each component's ports, under the names of kwokctl's options."""
RANGE = range(20000, 30000)
"""Below the ephemeral ports of Linux and macOS: no outgoing connection takes one while the sandbox is stopped."""


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count: int, taken: Collection[int], free: Callable[[int], bool] = is_free) -> list[int]:
    """`count` different free ports, none of them in `taken`."""
    found: list[int] = []
    for port in random.sample(RANGE, len(RANGE)):
        if len(found) == count:
            return found
        if port not in taken and free(port):
            found.append(port)
    if len(found) == count:
        return found
    raise FailedError(
        f"no {count} free ports on 127.0.0.1 between {RANGE.start} and {RANGE.stop - 1}: stop a server there"
    )


def settled(
    kept: Mapping[str, int], running: Collection[str], others: Collection[int], free: Callable[[int], bool] = is_free
) -> tuple[dict[str, int], list[int]]:
    """Every component's ports, and those of `kept` that a stranger took meanwhile and that had to be replaced.

    A running component holds its own ports, so only those of the others can be a stranger's.
    """
    names = [name for ports in PORTS.values() for name in ports]
    idle = {name for component, ports in PORTS.items() if component not in running for name in ports}
    lost = [kept[name] for name in names if name in idle and name in kept and not free(kept[name])]
    ports = {name: kept[name] for name in names if name in kept and kept[name] not in lost}
    missing = [name for name in names if name not in ports]
    chosen = free_ports(len(missing), {*ports.values(), *others}, free)
    return {**ports, **dict(zip(missing, chosen, strict=True))}, lost


def of_neighbours(root: Path) -> set[int]:
    """The ports of the project's other environments, which may be stopped just now."""
    return {
        port for folder in root.parent.glob("*/") if folder != root for port in PlaneState.load(folder).ports.values()
    }
