"""The pack as a process of its own, started as official installs of Pulumi start a Python pack."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from cnai.policy.analyzer.protos import analyzer_pb2, analyzer_pb2_grpc
from pod_samples import PLAIN, changed

PACK = Path(__file__).resolve().parents[3] / "policies"
STACK = {
    "PULUMI_ORGANIZATION": "organization",
    "PULUMI_PROJECT": "cnai",
    "PULUMI_STACK": "local",
    "PULUMI_DRY_RUN": "true",
    "PULUMI_CONFIG": '{"cnai:cloud": "{\\"local\\":{}}"}',
}
"""What `pulumi-language-python` hands a pack, besides arguments (its RunPlugin, in the version that we pin)."""


@pytest.fixture
def served() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:9", str(PACK)],
        cwd=PACK,
        env={**os.environ, **STACK},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def test_the_sdks_own_way_of_running_a_pack_serves_the_rules(served: analyzer_pb2_grpc.AnalyzerStub):
    assert "never-ship" in {each.name for each in served.GetAnalyzerInfo(Empty(), timeout=60).policies}
    served.Configure(analyzer_pb2.ConfigureAnalyzerRequest(), timeout=60)
    request = analyzer_pb2.AnalyzeRequest(type="kubernetes:core/v1:Pod", name="it", urn="urn:pulumi:s::p::t::it")
    request.properties.update(changed(PLAIN, {"spec.containers.0.securityContext": {"privileged": True}}))
    found = served.Analyze(request, timeout=60).diagnostics
    assert ("privileged", analyzer_pb2.MANDATORY) in {(each.policyName, each.enforcementLevel) for each in found}


@pytest.mark.parametrize("call", ["Handshake", "ConfigureStack"])
def test_what_the_engine_may_ask_and_the_pack_does_not_need_is_answered_as_not_there(
    served: analyzer_pb2_grpc.AnalyzerStub, call: str
):
    """The engine goes on without an answer for exactly this status."""
    asks = {
        "Handshake": analyzer_pb2.AnalyzerHandshakeRequest,
        "ConfigureStack": analyzer_pb2.AnalyzerStackConfigureRequest,
    }
    with pytest.raises(grpc.RpcError) as refused:
        getattr(served, call)(asks[call](), timeout=60)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
