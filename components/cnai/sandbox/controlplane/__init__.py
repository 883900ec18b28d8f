"""A real Kubernetes control plane per environment, on loopback ports, run through kwokctl."""

from cnai.sandbox.controlplane.config import TOOLS
from cnai.sandbox.controlplane.lifecycle import ControlPlane
from cnai.sandbox.controlplane.status import ProcessStatus, State, Status

__all__ = ["TOOLS", "ControlPlane", "ProcessStatus", "State", "Status"]
