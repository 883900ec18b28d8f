"""Whose cloud it is: what the provider resource says, and what a sandbox's accounts are all alike in."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from cnai.paths import SandboxDir
from cnai.plugin.host import Host
from cnai.sandbox.cloud.api import Api
from cnai.sandbox.cloud.faults import Faults
from cnai.sandbox.cloud.store import Store
from cnai.sandbox.cloud.tables import facts
from cnai.sandbox.cloud.templates import Facts

_STARTING = threading.Lock()


@dataclass(frozen=True)
class Account:
    """One configured provider of one package, in one environment's sandbox."""

    package: str
    sandbox: SandboxDir
    host: Host
    config: Mapping[str, Any]
    """The provider resource's inputs."""
    refill: Callable[["Account", int], None]
    """Fills a moto that has just started, on this port, with what the records say exists."""

    @cached_property
    def store(self) -> Store:
        return Store(self.sandbox)

    @cached_property
    def faults(self) -> Faults:
        return Faults(self.sandbox)

    @cached_property
    def api(self) -> Api:
        return Api(self.sandbox)

    @cached_property
    def moto_port(self) -> int:
        """Of this sandbox's moto, which is started with the first call, and filled with what there is."""
        from cnai.sandbox.controlplane.moto import Server

        with _STARTING:
            return Server(self.sandbox).ensure(lambda fresh: self.refill(self, fresh))

    @property
    def region(self) -> str:
        return str(self.config.get("region") or self.config.get("location") or "")

    @cached_property
    def known(self) -> Mapping[str, Any]:
        """What templates may name besides inputs: `region`, `account`, `project`, `subscriptionId`, ..."""
        own = {key: value for key, value in self.config.items() if isinstance(value, str) and value}
        return {**facts(self.package)["account"], **own, "region": self.region}

    def facts(self, inputs: Mapping[str, Any], seed: str, **more: Any) -> Facts:
        return Facts(inputs, {**self.known, **more}, seed)

    @cached_property
    def default_tags(self) -> Mapping[str, str]:
        """What the provider puts on everything: AWS's `defaultTags`, Google's `defaultLabels`."""
        given = self.config.get("defaultTags") or self.config.get("defaultLabels") or {}
        found = cast("dict[str, Any]", json.loads(given) if isinstance(given, str) else given)
        return found.get("tags", {}) if "defaultTags" in self.config else found
