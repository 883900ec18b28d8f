"""The control plane that every simulated cluster is: its address, its CA, and a client."""

import base64
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from cnai.paths import SandboxDir
from cnai.plugin.errors import ProviderError

if TYPE_CHECKING:
    from cnai.kube import Kube


class Api:
    """Of one environment; connects on first use."""

    def __init__(self, sandbox: SandboxDir) -> None:
        self._sandbox = sandbox
        self._kube: Kube | None = None
        self._lock = threading.Lock()

    @property
    def address(self) -> Mapping[str, str]:
        """`server`, `host` (without the scheme), `ca` in base64, and `pem`."""
        cluster = self._kubeconfig()["clusters"][0]["cluster"]
        server, ca = str(cluster["server"]), str(cluster["certificate-authority-data"])
        pem = base64.b64decode(ca).decode()
        return {"server": server, "host": server.removeprefix("https://"), "ca": ca, "pem": pem}

    @property
    def kube(self) -> "Kube":
        with self._lock:
            if self._kube is None:
                from cnai.kube import Kube  # here, since a preview needs no connection

                self._kube = Kube.from_kubeconfig(self._sandbox.kubeconfig)
            return self._kube

    def kubeconfig(self) -> str:
        """The administrator's, as Azure hands it out."""
        return self._sandbox.kubeconfig.read_text()

    def _kubeconfig(self) -> dict[str, Any]:
        try:
            return yaml.safe_load(self._sandbox.kubeconfig.read_text())
        except FileNotFoundError as error:
            env = self._sandbox.env
            raise ProviderError(f"the sandbox {env} has no control plane yet: `./cnai sandbox start {env}`") from error
