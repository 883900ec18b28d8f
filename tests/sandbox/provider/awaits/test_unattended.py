import json

import pytest

from cnai.kube import Endpoint
from cnai.paths import SandboxDir
from cnai.sandbox.controllers import ControllerState, tool_names
from cnai.sandbox.controllers.serving import serves
from cnai.sandbox.provider.awaits import unattended


class Server:
    """An API server whose kinds all come from definitions, but for those named."""

    def __init__(self, *built_in: str) -> None:
        self.built_in = built_in

    def endpoint(self, api_version: str, kind: str) -> Endpoint:
        return Endpoint(f"/apis/{api_version}", f"{kind.lower()}s", True)

    def get(self, api_version: str, kind: str, name: str) -> dict | None:
        return None if name in self.built_in else {"metadata": {"name": name}}


@pytest.fixture
def sandbox(tmp_path) -> SandboxDir:
    return SandboxDir.of(tmp_path, "test")


def started_with(sandbox: SandboxDir, *tools: str) -> None:
    sandbox.root.mkdir(parents=True, exist_ok=True)
    settings = {"tools": {name: f"/bin/{name}" for name in tools}}
    (sandbox.root / "attendants.settings.json").write_text(json.dumps(settings))


def obj(api_version: str, kind: str, name: str = "a", namespace: str | None = "n") -> dict:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def attended(sandbox: SandboxDir | None, api_version: str, kind: str, *built_in: str) -> bool:
    return unattended.attended(Server(*built_in), sandbox, obj(api_version, kind))  # type: ignore[arg-type]


def test_a_kind_is_served_where_the_daemon_has_its_controllers_program(sandbox: SandboxDir):
    assert not serves(sandbox, "jobset.x-k8s.io"), "no daemon has been started"
    started_with(sandbox, "jobset-controller-manager")
    assert serves(sandbox, "jobset.x-k8s.io")
    assert not serves(sandbox, "karpenter.sh")
    started_with(sandbox, *tool_names())
    assert serves(sandbox, "karpenter.sh")
    assert serves(sandbox, "karpenter.k8s.aws")
    assert not serves(sandbox, "kafka.strimzi.io")


def test_a_controller_that_failed_is_the_reason_why_its_objects_are_not_ready(sandbox: SandboxDir):
    pool = obj("karpenter.sh/v1", "NodePool")
    assert unattended.reasons(sandbox, pool) == unattended.reasons(None, pool) == []
    ControllerState(name="karpenter", state="failed", log="karpenter.log", reason="no such flag").save(sandbox)
    told = "the karpenter controller does not run: no such flag (its log: karpenter.log)"
    assert unattended.reasons(sandbox, pool) == [told]
    assert unattended.reasons(sandbox, obj("jobset.x-k8s.io/v1alpha2", "JobSet")) == []


def test_built_in_kinds_are_attended_to_and_custom_ones_only_by_their_controllers(
    sandbox: SandboxDir,
):
    started_with(sandbox, "karpenter")
    assert attended(sandbox, "apps/v1", "Deployment")
    assert attended(sandbox, "storage.k8s.io/v1", "VolumeAttachment", "volumeattachments.storage.k8s.io")
    assert attended(sandbox, "karpenter.sh/v1", "NodePool")
    assert not attended(sandbox, "kafka.strimzi.io/v1", "Kafka")
    assert not attended(sandbox, "gateway.networking.k8s.io/v1", "Gateway")
    assert not attended(sandbox, "networking.k8s.io/v1", "Ingress", "ingresss.networking.k8s.io")


def test_outside_of_a_sandbox_a_controller_is_taken_for_granted():
    assert attended(None, "kafka.strimzi.io/v1", "Kafka")


def test_what_was_not_waited_for_is_listed_by_kind_until_it_is_gone_or_ready(sandbox: SandboxDir):
    kafka = obj("kafka.strimzi.io/v1", "Kafka")
    issuer = obj("cert-manager.io/v1", "ClusterIssuer", "self-signed", None)
    for each in (kafka, obj("kafka.strimzi.io/v1", "Kafka", "b"), issuer, kafka):
        unattended.note(sandbox, each)
    assert unattended.noted(sandbox) == {
        "ClusterIssuer.cert-manager.io": ["self-signed"],
        "Kafka.kafka.strimzi.io": ["n/a", "n/b"],
    }
    unattended.forget(sandbox, kafka)
    unattended.forget(sandbox, kafka)
    unattended.forget(None, issuer)
    assert unattended.noted(sandbox)["Kafka.kafka.strimzi.io"] == ["n/b"]
