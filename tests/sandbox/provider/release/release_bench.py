"""One release of one chart, which a test takes through its life."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnai.catalog import Package
from cnai.kube import Object
from cnai.paths import SandboxDir
from cnai.sandbox.provider.release import ReleaseResource

NODE = "node-of-releases"
URN = "urn:pulumi:test::test::kubernetes:helm.sh/v3:Release::app"


@dataclass
class Bench:
    """The provider's class, and where what it writes lies."""

    resource: ReleaseResource
    helm: Path
    kubeconfig: Path
    context: str
    sandbox: SandboxDir
    namespace: str
    charts: Path
    """The chart cache."""
    packages: dict[str, Package] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.namespace}/app"

    def inputs(self, chart: Path | str, **more: Any) -> Object:
        base = {"name": "app", "namespace": self.namespace, "chart": str(chart), "timeout": 60, "createNamespace": True}
        return base | more

    def create(self, chart: Path | str, **more: Any) -> Object:
        made, outputs = self.resource.create(URN, self.inputs(chart, **more), False, 0)
        assert made == self.id
        return outputs

    def update(self, chart: Path | str, **more: Any) -> Object:
        return self.resource.update(URN, self.id, {}, {}, self.inputs(chart, **more), False, 0)

    def delete(self) -> None:
        self.resource.delete(URN, self.id, {"timeout": 60}, {}, 0)

    def report(self) -> str:
        return (self.sandbox.report / f"{self.namespace}.app.json").read_text()
