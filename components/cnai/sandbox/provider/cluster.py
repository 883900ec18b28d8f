"""The cluster of one provider resource: its connection, its watches, its settings."""

import threading

from cnai.kube import Kube
from cnai.plugin.host import Host
from cnai.sandbox.provider.awaits.watches import Watches
from cnai.sandbox.provider.credentials import connected
from cnai.sandbox.provider.intents import Intents
from cnai.sandbox.provider.settings import Settings


class Cluster:
    """Connects on first use, so that a plugin that only answers diffs opens no connection."""

    def __init__(self, settings: Settings, host: Host) -> None:
        self.settings = settings
        self.host = host
        self.intents = Intents(settings.sandbox)
        self._kube: Kube | None = None
        self._watches: Watches | None = None
        self._lock = threading.Lock()

    @property
    def kube(self) -> Kube:
        with self._lock:
            if self._kube is None:
                self._kube = connected(self.settings.kubeconfig, self.settings.context, self.settings.sandbox)
            return self._kube

    @property
    def watches(self) -> Watches:
        kube = self.kube
        with self._lock:
            if self._watches is None:
                self._watches = Watches(kube)
            return self._watches

    def cancel(self) -> None:
        if self._watches is not None or self._kube is not None:
            self.watches.cancel()
