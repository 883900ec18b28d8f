"""The analyzer's gRPC service (`pulumirpc.Analyzer`): each resource read once, and asked all rules that concern it."""

# ruff: noqa: N802 - the methods are named by the engine's protocol

import threading
from contextlib import suppress

import grpc
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty

from cnai.errors import UserError
from cnai.policy.analyzer.answers import diagnostics
from cnai.policy.analyzer.described import NAME, WORDS, info
from cnai.policy.analyzer.given import Given
from cnai.policy.analyzer.protos import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2
from cnai.policy.analyzer.wire import decoded, encoded
from cnai.policy.evaluate import applies, evaluate, evaluate_set
from cnai.policy.exceptions import expired, sort
from cnai.policy.loading import rules
from cnai.policy.model import Context, Level, Resource, Rule, kind_of_type
from cnai.policy.packs import listed
from cnai.policy.remedy import remedied
from cnai.policy.values import plain
from cnai.policy.views import View

STACK = "pulumi:pulumi:Stack"
Request = analyzer_pb2.AnalyzeRequest | analyzer_pb2.AnalyzerResource


class Analyzer(analyzer_pb2_grpc.AnalyzerServicer):
    """Without a `Configure` the packs have the levels that they have by themselves."""

    def __init__(self) -> None:
        self._given = Given.of({}, listed())
        self._concerned: dict[str, list[Rule]] = {}
        # The engine starts the program meanwhile.
        self._loading = threading.Thread(target=_load, name="rules", daemon=True)
        self._loading.start()

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo()

    def GetAnalyzerInfo(self, request: Empty, context: grpc.ServicerContext) -> analyzer_pb2.AnalyzerInfo:
        return info(listed())

    def Configure(self, request: analyzer_pb2.ConfigureAnalyzerRequest, context: grpc.ServicerContext) -> Empty:
        entries = {
            name: (WORDS[each.enforcementLevel], plain(json_format.MessageToDict(each.properties)))
            for name, each in request.policyConfig.items()
        }
        try:
            self._given = Given.of(entries, listed())
        except UserError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        self._concerned.clear()
        return Empty()

    def Analyze(
        self, request: analyzer_pb2.AnalyzeRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzeResponse:
        given = self._given
        found = list(expired(given.exceptions, given.today)) if request.type == STACK else []
        if concerned := self._about(request.type, context):
            resource = _resource(request)
            view, about = View(resource), Context(settings=given.settings)
            for rule in concerned:
                found += evaluate(rule, resource, about, reveal=False, view=view)
        standing = sort(found, given.live, given.today).standing
        return analyzer_pb2.AnalyzeResponse(diagnostics=diagnostics(standing, given, over_the_stack=False))

    def AnalyzeStack(
        self, request: analyzer_pb2.AnalyzeStackRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzeResponse:
        given = self._given
        over_all = [rule for rule in self._rules(context) if rule.set_predicate]
        resources = [_resource(each) for each in request.resources if _is_wanted(each.type, over_all)]
        about = Context(resources=resources, settings=given.settings)
        found = [each for rule in over_all for each in evaluate_set(rule, resources, about)]
        standing = sort(found, given.live, given.today).standing
        return analyzer_pb2.AnalyzeResponse(diagnostics=diagnostics(standing, given, over_the_stack=True))

    def Remediate(
        self, request: analyzer_pb2.AnalyzeRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.RemediateResponse:
        """All fixes of a resource together, as one."""
        response, given = analyzer_pb2.RemediateResponse(), self._given
        if Level.REMEDIATE not in given.levels.values():
            return response
        before = _resource(request)
        fixing = [rule for rule in self._about(request.type, context) if given.fixes(rule, before)]
        if after := remedied(fixing, before, Context(settings=given.settings)):
            response.remediations.add(
                policyName="safe-fixes",
                policyPackName=NAME,
                description="What breaks a rule at level remediate, and has a safe fix",
                properties=encoded(after.body, request.properties),
            )
        return response

    def _about(self, token: str, context: grpc.ServicerContext) -> list[Rule]:
        """The rules over one resource that look at such ones."""
        if token not in self._concerned:
            kind = kind_of_type(token)
            single = [rule for rule in self._rules(context) if not rule.set_predicate]
            self._concerned[token] = [rule for rule in single if applies(rule, kind)]
        return self._concerned[token]

    def _rules(self, context: grpc.ServicerContext) -> list[Rule]:
        self._loading.join()
        try:
            return [rules()[name] for name in self._given.levels]
        except UserError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))


def _load() -> None:
    # A badly written rule is reported to whoever requests it.
    with suppress(UserError):
        rules()


def _is_wanted(token: str, over_all: list[Rule]) -> bool:
    kind = kind_of_type(token)
    return any(applies(rule, kind) for rule in over_all)


def _resource(request: Request) -> Resource:
    return Resource(decoded(request.properties), type=request.type, logical_name=request.name, source=request.urn)
