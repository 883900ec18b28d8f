import base64
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from cnai.errors import UserError
from cnai.paths import SandboxDir
from cnai.sandbox.cloud.commands import write_commands
from cnai.sandbox.provider.credentials import refuse_others, resolved

SERVER = "https://127.0.0.1:6443"


@pytest.fixture
def sandbox(tmp_path: Path) -> SandboxDir:
    made = SandboxDir(tmp_path / "it's a flight")
    made.root.mkdir()
    user = {key: base64.b64encode(key.encode()).decode() for key in ("client-certificate-data", "client-key-data")}
    cluster = {"server": SERVER, "certificate-authority-data": ""}
    document = {"clusters": [{"name": "a", "cluster": cluster}], "users": [{"name": "a", "user": user}]}
    made.kubeconfig.write_text(yaml.safe_dump(document))
    write_commands(made)
    return made


def ask(sandbox: SandboxDir, *words: str, version: str = "v1beta1") -> subprocess.CompletedProcess[str]:
    info = json.dumps({"apiVersion": f"client.authentication.k8s.io/{version}", "kind": "ExecCredential"})
    command = [str(sandbox.commands / words[0]), *words[1:]]
    env = os.environ | {"KUBERNETES_EXEC_INFO": info}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [
        ("aws", "--region", "us-east-1", "eks", "get-token", "--cluster-name", "c", "--output", "json"),
        ("gke-gcloud-auth-plugin",),
        ("kubelogin", "get-token", "--server-id", "x"),
    ],
)
@pytest.mark.parametrize("version", ["v1beta1", "v1"])
def test_what_a_kubeconfig_asks_is_answered_in_the_version_it_asks_for(sandbox, words, version: str):
    answer = json.loads(ask(sandbox, *words, version=version).stdout)
    assert answer["apiVersion"] == f"client.authentication.k8s.io/{version}"
    assert answer["status"]["clientKeyData"] == "client-key-data"


@pytest.mark.parametrize("words", [("aws", "s3", "ls"), ("aws", "eks", "get-token"), ("kubelogin",)])
def test_whatever_else_is_asked_fails_and_says_whose_it_is(sandbox, words):
    done = ask(sandbox, *words)
    assert done.returncode
    assert "the sandbox's stand-in" in done.stderr


def test_an_exec_user_is_resolved_to_what_its_command_answers(sandbox):
    run = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(sandbox.commands / "gke-gcloud-auth-plugin")}
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"exec": run}}],
    }
    [user] = json.loads(resolved(json.dumps(config), None))["users"]
    assert base64.b64decode(user["user"]["client-certificate-data"]).decode() == "client-certificate-data"
    assert "exec" not in user["user"]


def test_a_cluster_that_is_not_the_sandboxs_is_refused(sandbox):
    refuse_others(SERVER, sandbox)
    with pytest.raises(UserError, match=r"prod\.example"):
        refuse_others("https://prod.example:443", sandbox)
