"""How an environment's control plane is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["running", "stopped", "crashed", "absent"]


@dataclass(frozen=True)
class ProcessStatus:
    name: str
    pid: int | None
    memory_mib: int = 0

    @property
    def alive(self) -> bool:
        return self.pid is not None


@dataclass(frozen=True)
class Status:
    state: State
    processes: tuple[ProcessStatus, ...] = ()
    api_url: str | None = None

    @property
    def memory_mib(self) -> int:
        return sum(process.memory_mib for process in self.processes)


def decide(created: bool, alive: Mapping[str, bool], answers: bool) -> State:
    """`created`: kwokctl finished making the cluster; `alive`: by component; `answers`: the API server is ready."""
    if not created:
        return "crashed" if any(alive.values()) else "absent"
    if not any(alive.values()):
        return "stopped"
    return "running" if all(alive.values()) and answers else "crashed"
