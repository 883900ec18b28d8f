"""What `cnai policy export` writes, applied with kubectl: the API server refuses what the environment refuses."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from sandbox_waits import eventually

from cnai.cli import app
from cnai.cli.console import ExitCode
from cnai.kube import Kube
from cnai.policy.packs import packs
from cnai.sandbox.controlplane import ControlPlane
from cnai.toolchain import ensure
from pod_samples import GOOD, PLAIN, changed

pytestmark = pytest.mark.sandbox
WHERE, EXEMPT = "exported", "exported-exempt"
DRIVER = {
    "rule": "hostNamespaces",
    "resource": f"Pod/{WHERE}/driver-*",
    "reason": "r",
    "owner": "o",
    "expires": "2999-01-01",
}
PRIVILEGED = changed(PLAIN, {"spec.containers.0.securityContext": {"privileged": True}})
HOST = changed(PLAIN, {"spec.hostPID": True})


@dataclass
class Kubectl:
    binary: Path
    kubeconfig: Path

    def __call__(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [self.binary, "--kubeconfig", self.kubeconfig, *words]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=False)

    def create(self, pod: dict[str, Any], name: str = "sample", where: str = WHERE) -> subprocess.CompletedProcess[str]:
        text = yaml.safe_dump(changed(pod, {"metadata.name": name, "metadata.namespace": where}))
        return self("create", "--dry-run=server", "-f", "-", given=text)


@pytest.fixture(scope="module")
def kubectl(control_plane: ControlPlane) -> Kubectl:
    return Kubectl(ensure(["kubectl"], print)["kubectl"].path, control_plane.kubeconfig)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The baseline refuses, restricted warns, one exception holds."""
    project = tmp_path_factory.mktemp("demo")
    (project / "stacks").mkdir()
    (project / "Pulumi.yaml").write_text("name: demo\n")
    levels = {name: "disabled" for name in packs() if not name.startswith("pod-security")}
    config = {"cnai:cloud": {"local": {}}, "cnai:pools": {"system": {"machine": "cpu-8", "min": 1}}}
    config["cnai:policies"] = {"levels": levels, "exceptions": [DRIVER]}
    (project / "stacks" / "Pulumi.demo.yaml").write_text(yaml.safe_dump({"config": config}))
    spared = ["--exempt-namespace", EXEMPT, "--exempt-namespace", "kube-system"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNAI_PROJECT", str(project))
        assert app.run(["policy", "export", "demo", "-o", str(project / "out"), *spared]) == ExitCode.DONE
    return project / "out"


@pytest.fixture(scope="module")
def applied(kubectl: Kubectl, kube: Kube, exported: Path) -> Iterator[Kubectl]:
    for name in (WHERE, EXEMPT):
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, field_manager="test")
        eventually(lambda name=name: kube.get("v1", "ServiceAccount", "default", name), "the default account")
    done = kubectl("apply", "-f", str(exported))
    assert done.returncode == 0, done.stderr
    try:
        eventually(lambda: kubectl.create(PRIVILEGED).returncode, "policies in force")
        yield kubectl
    finally:
        kubectl("delete", "-f", str(exported))
        for name in (WHERE, EXEMPT):
            kube.delete("v1", "Namespace", name)


def test_a_bad_pod_is_refused_in_the_rules_words_and_a_good_one_let_in(applied: Kubectl):
    bad = applied.create(PRIVILEGED)
    assert bad.returncode != 0
    assert "[privileged]" in bad.stderr
    assert "request only the device or capability needed" in bad.stderr
    assert applied.create(GOOD).returncode == 0


def test_levels_exceptions_and_exempt_namespaces_hold(applied: Kubectl):
    advised = applied.create(PLAIN)
    assert advised.returncode == 0, advised.stderr
    assert "[runAsNonRoot]" in advised.stderr
    assert "[hostNamespaces]" in applied.create(HOST).stderr
    assert applied.create(HOST, "driver-1").returncode == 0
    assert applied.create(PRIVILEGED, where=EXEMPT).returncode == 0


def test_what_was_there_before_can_still_be_labelled_and_go(applied: Kubectl, kube: Kube):
    held = changed(HOST, {"metadata.name": "driver-2", "metadata.namespace": WHERE})
    kube.apply(held, field_manager="test")
    # As if it had been there before its exception ended.
    policy = "cnai-pod-security-baseline-mandatory"
    found = kube.get("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", policy)
    assert found
    for each in found["spec"]["validations"]:
        each["expression"] = each["expression"].replace("driver", "nobody")
    kube.apply({key: found[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": policy}},
               field_manager="kubectl", force=True)  # fmt: skip
    eventually(lambda: applied.create(HOST, "driver-3").returncode, "the exception gone")
    for patch in (
        '{"metadata":{"labels":{"a":"b"},"finalizers":["cnai.test/held"]}}',
        '{"metadata":{"finalizers":null}}',
    ):
        done = applied("patch", "pod", "driver-2", "-n", WHERE, "--type=merge", "-p", patch)
        assert done.returncode == 0, done.stderr
    assert applied("delete", "pod", "driver-2", "-n", WHERE, "--grace-period=0", "--force").returncode == 0
