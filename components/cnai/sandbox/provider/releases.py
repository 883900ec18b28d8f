"""Helm releases, as the engine asks for them; `release/` does the work."""

from pulumi.runtime.proto import provider_pb2

from cnai.paths import SandboxDir
from cnai.plugin.autoname import autoname
from cnai.plugin.diffs import Diff
from cnai.plugin.errors import PartialError, ProviderError
from cnai.plugin.values import Computed, contains, decode, encode, marked, plain
from cnai.sandbox.provider.cluster import Cluster


class Releases:
    """Imported on first use: most programs of a test have no release."""

    def __init__(self, cluster: Cluster) -> None:
        from cnai.sandbox.provider.release import ReleaseResource

        settings = cluster.settings
        if settings.sandbox is None:
            raise ProviderError("releases need a sandbox: CNAI_SANDBOX_DIR is not set")
        self._releases = ReleaseResource(settings.kubeconfig, settings.context, SandboxDir(settings.sandbox.root))

    def check(self, request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:
        news, olds = decode(request.news), decode(request.olds)
        options = request.autonaming

        def name(logical: str) -> str:
            return autoname(logical, request.randomSeed, options.proposed_name, options.mode)

        inputs, problems = self._releases.check(request.urn, plain(olds), plain(news), name)
        failures = [provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in problems]
        return provider_pb2.CheckResponse(inputs=encode(marked(inputs, news)), failures=failures)

    def diff(self, request: provider_pb2.DiffRequest) -> Diff:
        if request.old_inputs == request.news:
            return Diff(changes=False)
        old_inputs, olds, news = decode(request.old_inputs), decode(request.olds), decode(request.news)
        return self._releases.diff(request.id, plain(old_inputs), plain(olds), plain(news))

    def create(self, request: provider_pb2.CreateRequest) -> provider_pb2.CreateResponse:
        inputs = decode(request.properties)
        if request.preview and contains(inputs, Computed):
            return provider_pb2.CreateResponse(properties=request.properties)
        try:
            made, outputs = self._releases.create(request.urn, plain(inputs), request.preview, request.timeout)
        except PartialError as error:
            error.outputs = marked(error.outputs, inputs)
            raise
        return provider_pb2.CreateResponse(id=made, properties=encode(marked(outputs, inputs)))

    def update(self, request: provider_pb2.UpdateRequest) -> provider_pb2.UpdateResponse:
        news = decode(request.news)
        if request.preview and contains(news, Computed):
            return provider_pb2.UpdateResponse(properties=request.news)
        old_inputs, olds = plain(decode(request.old_inputs)), plain(decode(request.olds))
        try:
            outputs = self._releases.update(
                request.urn, request.id, old_inputs, olds, plain(news), request.preview, request.timeout
            )
        except PartialError as error:
            error.outputs = marked(error.outputs, news)
            raise
        return provider_pb2.UpdateResponse(properties=encode(marked(outputs, news)))

    def read(self, request: provider_pb2.ReadRequest) -> provider_pb2.ReadResponse:
        inputs = decode(request.inputs)
        found = self._releases.read(request.id, plain(inputs), plain(decode(request.properties)))
        if found is None:
            return provider_pb2.ReadResponse()
        made, now, outputs = found
        return provider_pb2.ReadResponse(
            id=made, inputs=encode(marked(now, inputs)), properties=encode(marked(outputs, inputs))
        )

    def delete(self, request: provider_pb2.DeleteRequest) -> None:
        inputs, outputs = plain(decode(request.old_inputs)), plain(decode(request.properties))
        self._releases.delete(request.urn, request.id, inputs, outputs, request.timeout)

    def cancel(self) -> None:
        self._releases.cancel()
