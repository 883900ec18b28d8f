"""The pack as the engine talks to it: levels by name, what it says of a resource, and what it changes."""

import subprocess
import sys
import threading
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty

from cnai.policy.analyzer import servicer
from cnai.policy.analyzer.described import LEVELS, info
from cnai.policy.analyzer.given import Given
from cnai.policy.analyzer.protos import analyzer_pb2
from cnai.policy.exceptions import Exemption
from cnai.policy.model import Level
from cnai.policy.packs import packs
from cnai.policy.values import SENTINELS, SIGNATURE
from pod_samples import PLAIN, changed

UNKNOWN = sorted(SENTINELS)[0]
SECRET = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "value": "hunter2"}
PRIVILEGED = changed(PLAIN, {"spec.containers.0.securityContext": {"privileged": True}})


class Refused(Exception):
    pass


class Call:
    """What the servicer needs of a gRPC context."""

    def abort(self, code: grpc.StatusCode, words: str) -> None:
        raise Refused(f"{code.name}: {words}")


def analyzer(words: dict[str, str] | None = None, **environment: Any) -> servicer.Analyzer:
    made = servicer.Analyzer()
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    for name, level in (words or {}).items():
        request.policyConfig[name].enforcementLevel = LEVELS[Level(level)]
    request.policyConfig["environment"].properties.update(environment)
    made.Configure(request, Call())
    return made


def asked(obj: dict[str, Any], token: str = "kubernetes:core/v1:Pod") -> analyzer_pb2.AnalyzeRequest:
    request = analyzer_pb2.AnalyzeRequest(type=token, name="it", urn=f"urn:pulumi:s::p::{token}::it")
    request.properties.update(obj)
    return request


def told(made: servicer.Analyzer, request: analyzer_pb2.AnalyzeRequest) -> dict[str, int]:
    """Rule -> level of what is said of it."""
    return {each.policyName: each.enforcementLevel for each in made.Analyze(request, Call()).diagnostics}


def test_a_violation_goes_by_the_name_and_level_of_its_rule():
    assert told(analyzer(), asked(PRIVILEGED))["privileged"] == analyzer_pb2.MANDATORY
    assert told(analyzer({"privileged": "advisory"}), asked(PRIVILEGED))["privileged"] == analyzer_pb2.ADVISORY
    assert "privileged" not in told(analyzer({"privileged": "disabled"}), asked(PRIVILEGED))


def test_a_level_may_be_a_pack_s_and_a_rule_s_own_goes_before_it():
    words = dict.fromkeys(packs(), "disabled") | {"pod-security-baseline": "advisory", "sysctls": "mandatory"}
    bad = changed(PRIVILEGED, {"spec.securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}})
    assert told(analyzer(words), asked(bad)) == {
        "privileged": analyzer_pb2.ADVISORY,
        "sysctls": analyzer_pb2.MANDATORY,
    }


@pytest.mark.parametrize(
    ("words", "environment", "says"),
    [
        ({"priviledged": "mandatory"}, {}, "there is no pack or rule priviledged"),
        ({}, {"exceptions": [{"rule": "privileged"}]}, "each needs rule, resource, reason, owner and expires"),
    ],
)
def test_a_file_with_a_wrong_word_is_refused(words: dict[str, str], environment: dict[str, Any], says: str):
    with pytest.raises(Refused, match=f"INVALID_ARGUMENT: .*{says}"):
        analyzer(words, **environment)


def test_without_a_file_every_pack_has_its_own_level():
    assert {each.name: each.enforcementLevel for each in info(packs()).policies if each.name in packs()} == {
        pack.name: LEVELS[pack.level] for pack in packs().values()
    }
    assert servicer.Analyzer()._given.levels == Given.of({}, packs()).levels


def test_what_is_not_known_is_advice_unless_the_file_is_stricter():
    unsure = asked(changed(PLAIN, {"spec.containers.0.securityContext": {"procMount": UNKNOWN}}))
    assert told(analyzer(), unsure)["procMount"] == analyzer_pb2.ADVISORY
    assert told(analyzer({"undecided": "mandatory"}), unsure)["procMount"] == analyzer_pb2.MANDATORY
    assert "procMount" not in told(analyzer({"undecided": "disabled"}), unsure)


def test_exceptions_spare_and_end():
    words = {"rule": "privileged", "resource": "Pod/it", "reason": "r", "owner": "platform"}
    pod = asked({"spec": PRIVILEGED["spec"]})
    lasting, over = ({**words, "expires": day} for day in ("2999-01-01", "2020-01-01"))
    assert "privileged" not in told(analyzer(exceptions=[Exemption.of(lasting).words]), pod)
    ended = analyzer(exceptions=[over])
    assert "privileged" in told(ended, pod)
    (said,) = ended.Analyze(asked({}, servicer.STACK), Call()).diagnostics
    assert "the exception of platform for Pod/it expired on 2020-01-01" in said.message


def test_a_resource_is_read_once_for_all_rules_and_not_at_all_where_none_concerns_it(monkeypatch: pytest.MonkeyPatch):
    read: list[Any] = []
    monkeypatch.setattr(servicer, "decoded", lambda properties: read.append(1) or json_format.MessageToDict(properties))
    made = analyzer()
    made.Analyze(asked(PRIVILEGED), Call())
    assert len(read) == 1
    made.Analyze(asked({"length": 3}, "random:index/randomPet:RandomPet"), Call())
    assert len(read) == 1


def test_rules_over_the_stack_name_the_resource():
    made = analyzer(settings={"production": False, "teams": ["research"]})
    request = analyzer_pb2.AnalyzeStackRequest()
    urn = "urn:pulumi:s::p::kubernetes:core/v1:Namespace::research"
    space = request.resources.add(type="kubernetes:core/v1:Namespace", name="research", urn=urn)
    space.properties.update({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "research"}})
    pod = request.resources.add(
        type="kubernetes:core/v1:Pod", name="it", urn="urn:pulumi:s::p::kubernetes:core/v1:Pod::it"
    )
    pod.properties.update(changed(PLAIN, {"metadata.namespace": "research"}))
    found = {each.policyName: each.urn for each in made.AnalyzeStack(request, Call()).diagnostics}
    assert found["defaultDeny"] == urn


def test_fixes_come_as_one_and_secrets_stay_secret():
    env = [{"name": "TOKEN", "value": SECRET}]
    bare = asked(changed(PLAIN, {"spec.containers.0.env": env}))
    assert not analyzer().Remediate(bare, Call()).remediations
    (fixed,) = analyzer({"pod-security-restricted": "remediate"}).Remediate(bare, Call()).remediations
    spec = json_format.MessageToDict(fixed.properties)["spec"]
    assert spec["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False
    assert spec["containers"][0]["env"] == env


def test_what_pulumi_keeps_secret_is_found_in_env_whatever_its_name_and_is_not_said():
    made = analyzer()
    diagnostics = made.Analyze(
        asked(changed(PLAIN, {"spec.containers.0.env": [{"name": "T", "value": SECRET}]})), Call()
    )
    (said,) = [each.message for each in diagnostics.diagnostics if each.policyName == "secretsInEnv"]
    assert "what Pulumi keeps secret as a literal value of env T" in said
    assert "hunter2" not in said
    plainly = asked(changed(PLAIN, {"spec.containers.0.env": [{"name": "T", "value": "hunter2"}]}))
    assert "secretsInEnv" not in told(made, plainly)


def test_the_pack_s_process_loads_neither_the_sdk_nor_the_environment_s_types():
    """Either would cost every preview more than all rules together."""
    imports = "import cnai.policy.analyzer.serving, cnai.policy.loading, sys"
    code = f"{imports}; cnai.policy.loading.rules(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pulumi.resource", "pulumi_policy", "pydantic", "cnai.environment"} & set(loaded)
    assert "pulumi.runtime.proto.analyzer_pb2" in loaded


def test_the_engine_learns_of_the_pack_while_its_rules_load(monkeypatch: pytest.MonkeyPatch):
    loaded = threading.Event()
    monkeypatch.setattr(servicer, "_load", lambda: loaded.wait(30))
    made = servicer.Analyzer()
    assert made.GetAnalyzerInfo(Empty(), Call()).supportsConfig
    assert made._loading.is_alive(), "the rules were waited for"
    loaded.set()
    assert "privileged" in told(made, asked(PRIVILEGED))
