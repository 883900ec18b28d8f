import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2
from sandbox_waits import eventually

from cnai.plugin.answers import answering
from cnai.plugin.errors import PartialError, ProviderError
from cnai.plugin.values import Secret, decode, encode
from cnai.sandbox.provider.server import Servicer

PLUGIN = [sys.executable, "-m", "cnai.sandbox.provider"]
URN = "urn:pulumi:dev::project::kubernetes:core/v1:ConfigMap::settings"
# Starts the plugin, says its process id and port, and then lives until its standard input ends.
PARENT = """
import subprocess, sys
plugin = subprocess.Popen([sys.executable, "-m", "cnai.sandbox.provider"], stdout=subprocess.PIPE, text=True)
print(plugin.pid, plugin.stdout.readline().strip(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], provider_pb2_grpc.ResourceProviderStub]]:
    env = os.environ | {"CNAI_SANDBOX_DIR": str(tmp_path), "KUBECONFIG": str(tmp_path / "absent")}
    with subprocess.Popen(PLUGIN, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            yield process, provider_pb2_grpc.ResourceProviderStub(channel)
        process.kill()


def test_the_engine_can_talk_to_what_it_started_and_end_it_with_an_interrupt(plugin, tmp_path: Path):
    process, stub = plugin
    assert stub.Handshake(provider_pb2.ProviderHandshakeRequest()).accept_secrets
    configured = stub.Configure(provider_pb2.ConfigureRequest(args=encode({})))
    assert configured.acceptSecrets
    assert configured.supportsPreview
    news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    assert decode(stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode(news))).inputs) == news

    with pytest.raises(grpc.RpcError) as refused:
        stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode(news)))
    assert refused.value.details() == f"kubeconfig {tmp_path / 'absent'}: No such file or directory"

    stub.Cancel(Empty())
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0


def test_the_plugin_dies_with_the_engine():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid, port = map(int, parent.stdout.readline().split())
        assert listens(port)
        parent.kill()
        eventually(lambda: not listens(port), f"plugin {pid} ends with its parent", within_s=10)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Context(grpc.ServicerContext):
    """What a servicer is given, as far as a failing one uses it."""

    def __init__(self) -> None:
        self.status: tuple[grpc.StatusCode, str] | None = None
        self.details_bin = b""

    def abort(self, code, details):
        self.status = (code, details)
        raise InterruptedError

    def abort_with_status(self, status):
        self.details_bin = dict(status.trailing_metadata)["grpc-status-details-bin"]
        self.abort(status.code, status.details)


Context.__abstractmethods__ = frozenset()


def failing(error: Exception) -> Context:
    @answering
    def method(self, request, context):
        raise error

    context = Context()
    with pytest.raises(InterruptedError):
        method(None, provider_pb2.CreateRequest(urn=URN), context)
    return context


def test_a_refusal_reaches_the_user_word_for_word():
    assert failing(ProviderError("no such thing")).status == (grpc.StatusCode.UNKNOWN, "no such thing")


def test_an_object_that_is_not_ready_is_handed_over_for_the_state():
    outputs = {"data": Secret("x")}
    context = failing(PartialError("not ready", "ns/name", outputs, ("0/3 nodes are available",)))
    status = status_pb2.Status.FromString(context.details_bin)
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("ns/name", ["not ready", "0/3 nodes are available"])
    assert decode(detail.properties) == outputs
    assert not detail.HasField("inputs")


def test_a_bug_is_called_one_and_its_traceback_is_in_the_log(caplog: pytest.LogCaptureFixture):
    context = failing(ZeroDivisionError("division by zero"))
    assert context.status is not None
    code, words = context.status
    assert code is grpc.StatusCode.INTERNAL
    assert words.startswith("a bug in cnai's provider: ZeroDivisionError: division by zero")
    assert "Traceback" not in words
    assert "raise error" in caplog.text


def test_no_method_that_the_engine_calls_is_left_without_a_guard():
    for name in ("Check", "Diff", "Create", "Read", "Update", "Delete", "Construct", "Invoke", "Configure", "Cancel"):
        assert hasattr(getattr(Servicer, name), "__wrapped__"), name
