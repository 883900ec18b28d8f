import ssl

import pytest
import yaml

from cnai.errors import UserError
from cnai.paths import SandboxDir
from cnai.sandbox.controllers import wait_ready
from cnai.sandbox.controllers.certificates import issue
from cnai.sandbox.controllers.specs import ControllerSpec, built_version, crd_version, filled, is_established, specs
from cnai.sandbox.controllers.state import ControllerState, states
from cnai.sandbox.controllers.webhooks import rewritten

WEBHOOK = {
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "validating-webhook-configuration"},
    "webhooks": [
        {
            "name": "v.example.dev",
            "objectSelector": {"matchLabels": {"a": "b"}},
            "clientConfig": {"service": {"name": "s", "namespace": "n", "path": "/validate"}},
        }
    ],
}


def crd(labels: dict[str, str], kind: str = "string", **texts: str) -> dict:
    schema = {"properties": {"description": {"type": kind, **texts}}}
    return {"metadata": {"name": "x", "labels": labels}, "spec": {"versions": [{"name": "v1", "schema": schema}]}}


CONFIGURED = [spec for spec in specs() if spec.config]


@pytest.mark.parametrize("spec", CONFIGURED, ids=lambda spec: spec.name)
def test_every_controller_keeps_to_loopback_and_manages_no_certificates(spec, tmp_path):
    words = spec.words(SandboxDir.of(tmp_path, "local"), 20001, 20002)
    config = yaml.safe_load(filled(spec.config, words))
    assert config["webhook"]["host"] == "127.0.0.1"
    assert config["webhook"]["port"] == 20001
    assert config["health"]["healthProbeBindAddress"] == "127.0.0.1:20002"
    assert config["metrics"]["bindAddress"] == "0"
    assert config["leaderElection"] == {"leaderElect": False}
    assert (config.get("internalCertManagement") or config["certManagement"]) == {"enable": False}


@pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.name)
def test_every_controller_is_known_by_a_file_of_its_own_folder_and_finds_the_cluster(spec, tmp_path):
    place = SandboxDir.of(tmp_path, "local")
    words = spec.words(place, 20001, 20002)
    arguments = [filled(argument, words) for argument in spec.arguments]
    assert any(f"={place.controllers / spec.name}/" in argument for argument in arguments)
    environment = {name: filled(value, words) for name, value in spec.environment.items()}
    assert str(place.kubeconfig) in (environment.get("KUBECONFIG"), *(a.partition("=")[2] for a in arguments))


def test_webhooks_are_called_by_url_and_keep_what_they_select():
    (found,) = rewritten([WEBHOOK, {"kind": "Service"}], "trainer", 20001, "Q0E=")
    webhook = found["webhooks"][0]
    assert webhook["clientConfig"] == {"url": "https://127.0.0.1:20001/validate", "caBundle": "Q0E="}
    assert webhook["objectSelector"] == {"matchLabels": {"a": "b"}}
    assert found["metadata"]["labels"]["cnai.dev/sandbox"] == "true"


def test_two_controllers_whose_generated_webhooks_are_named_alike_do_not_overwrite_each_other():
    names = {rewritten([WEBHOOK], name, 1, "")[0]["metadata"]["name"] for name in ("jobset", "trainer")}
    assert len(names) == 2


def test_the_serving_certificate_is_for_127_0_0_1(tmp_path):
    ca = issue(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    client = ssl.create_default_context(cadata=ca.decode())
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    far = server.wrap_bio(outgoing, incoming, server_side=True)
    for side in (near, far, near, far, near):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert near.getpeercert()
    assert (tmp_path / "tls.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("found", "version"),
    [
        (crd({"app.kubernetes.io/version": "v0.11.0"}), "v0.11.0"),
        (crd({"helm.sh/chart": "jobset-0.10.1"}), "0.10.1"),
        (crd({}), "v0.12.0"),  # the controller's own, by its schema
        (crd({}, description="or so a chart says"), "v0.12.0"),
        (crd({}, "integer"), ""),
    ],
)
def test_the_crds_version_is_told_where_it_can_be(found, version):
    assert crd_version(found, crd({}), "v0.12.0") == version


def test_a_crd_counts_once_it_is_established_and_until_it_goes():
    conditions = [{"type": "Established", "status": "True"}]
    assert not is_established({"metadata": {}, "status": {}})
    facts = {"name": "x", "tool": "x", "module": "x", "crds": ("x",)}
    there = {"metadata": {}, "status": {"conditions": conditions}}
    going = {"metadata": {"deletionTimestamp": "now"}, "status": {"conditions": conditions}}
    assert ControllerSpec(**facts).wants(there)
    assert not ControllerSpec(**facts).wants(going)
    assert ControllerSpec(**facts, until_gone=True).wants(going)


def test_a_controllers_version_is_read_from_its_binary(tmp_path):
    binary = tmp_path / "controller"
    binary.write_bytes(b"\0\0path\tcmd\ndep\tsigs.k8s.io/jobset\tv0.12.0\th1:x=\n\0")
    assert built_version(binary, "sigs.k8s.io/jobset") == "v0.12.0"
    assert built_version(binary, "sigs.k8s.io/kueue") == ""


def test_waiting_for_a_controller_that_fails_ends_with_its_last_words(tmp_path):
    place = SandboxDir.of(tmp_path, "local")
    with pytest.raises(UserError, match="are its CRDs installed"):
        wait_ready(place, "trainer", 0)
    ControllerState(name="trainer", state="failed", reason="no port", log="/l/trainer.log").save(place)
    with pytest.raises(UserError, match=r"no port \(its log: /l/trainer.log\)"):
        wait_ready(place, "trainer", 0)
    assert [state.name for state in states(place)] == ["trainer"]
