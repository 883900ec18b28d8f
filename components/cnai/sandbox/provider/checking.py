"""What the engine asks before it acts: are these inputs right, and what do they change."""

from typing import Any

from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2

from cnai.charts.tokens import Kind, kind_of
from cnai.kube import NoKindError
from cnai.plugin.autoname import autoname
from cnai.plugin.diffs import Diff
from cnai.plugin.urns import name_in_urn, type_in_urn
from cnai.plugin.values import decode, encode, marked, text_at
from cnai.readiness import SKIP_AWAIT, WAIT_FOR
from cnai.sandbox.provider import resources
from cnai.sandbox.provider.awaits import wait_for
from cnai.sandbox.provider.cluster import Cluster
from cnai.sandbox.provider.diff import diff
from cnai.sandbox.provider.naming import is_autonamed, is_named, named

Object = dict[str, Any]
UNCHANGED = Diff(changes=False)


def check(cluster: Cluster, request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:
    """Inputs that are complete go back as they came, which spares a conversion for nearly every object."""
    kind = kind_of(type_in_urn(request.urn))
    news = request.news
    if problem := _unawaitable(news):
        failure = provider_pb2.CheckFailure(property=f"metadata.annotations[{WAIT_FOR!r}]", reason=problem)
        return provider_pb2.CheckResponse(inputs=news, failures=[failure])
    complete = text_at(news, "metadata", "name") and text_at(news, "apiVersion") and text_at(news, "kind")
    namespaced = cluster.settings.namespace is None or text_at(news, "metadata", "namespace")
    if complete and namespaced and text_at(news, "kind") != "Secret":
        return provider_pb2.CheckResponse(inputs=news)
    return _completed(cluster, request, kind)


def _completed(cluster: Cluster, request: provider_pb2.CheckRequest, kind: Kind) -> provider_pb2.CheckResponse:
    inputs = {"apiVersion": kind.api_version, "kind": kind.kind} | decode(request.news)
    metadata = inputs.get("metadata") or {}
    if not isinstance(metadata, dict):
        return provider_pb2.CheckResponse(inputs=request.news)
    if not is_named(inputs):
        if problem := _unnameable(kind, inputs):
            failure = provider_pb2.CheckFailure(property="metadata.name", reason=problem)
            return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
        inputs = named(inputs, _name(cluster, request))
    inputs = _in_default_namespace(cluster, inputs)
    return provider_pb2.CheckResponse(inputs=encode(marked(inputs, inputs)))


def _unawaitable(news: Struct) -> str:
    """What is wrong with what the program waits for; the official provider says so once the object is there."""
    asked = text_at(news, "metadata", "annotations", WAIT_FOR)
    if not asked or text_at(news, "metadata", "annotations", SKIP_AWAIT) == "true":
        return ""
    try:
        wait_for.parsed(asked)
    except wait_for.WaitForError as error:
        return str(error)
    return ""


def _unnameable(kind: Kind, inputs: Object) -> str:
    if kind.patch:
        return "a patch resource has to say which object it patches: set `metadata.name`"
    if (inputs.get("metadata") or {}).get("generateName"):
        return "`metadata.generateName` does not work with server-side apply: leave it out, and the object is autonamed"
    if kind.kind.endswith("List") and "." not in kind.api_version.removesuffix(".k8s.io"):
        return f"a {kind.kind} cannot be created: give its items as resources of their own"
    return ""


def _name(cluster: Cluster, request: provider_pb2.CheckRequest) -> str:
    olds = decode(request.olds)
    if is_autonamed(olds):
        name = str(olds["metadata"]["name"])
        cluster.intents.settle(request.urn, name)
        return name
    if pending := cluster.intents.recall(request.urn):
        return pending
    options = request.autonaming
    return autoname(name_in_urn(request.urn), request.randomSeed, options.proposed_name, options.mode)


def _in_default_namespace(cluster: Cluster, inputs: Object) -> Object:
    default, metadata = cluster.settings.namespace, inputs["metadata"]
    if default is None or metadata.get("namespace"):
        return inputs
    try:
        if not cluster.kube.endpoint(inputs["apiVersion"], inputs["kind"]).namespaced:
            return inputs
    except NoKindError:
        pass  # A custom resource whose definition is still to come: applying corrects the guess.
    return inputs | {"metadata": metadata | {"namespace": default}}


def difference(cluster: Cluster, request: provider_pb2.DiffRequest) -> Diff:
    """Old inputs against new ones; equal messages are told apart from nothing else, and cost nothing."""
    kind = kind_of(type_in_urn(request.urn))
    replace_unready = text_at(request.news, "metadata", "annotations", "pulumi.com/replaceUnready") == "true"
    if request.old_inputs == request.news and not replace_unready:
        return UNCHANGED
    old, new = decode(request.old_inputs), decode(request.news)
    found = diff(old, new, cluster.settings.mutability, kind.patch, tuple(request.ignoreChanges))
    if replace_unready and kind.kind == "Job" and resources.is_unready_job(cluster, decode(request.olds)):
        path = 'metadata.annotations["pulumi.com/replaceUnready"]'
        detailed = dict(found.detailed)
        detailed[path] = ("update", True)
        return Diff(True, (*found.replaces, path), not is_autonamed(new), detailed)
    return found


def check_config(request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:
    return provider_pb2.CheckResponse(inputs=request.news)


def diff_config(request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:
    """Another context or cluster is another place, where nothing of this one exists; new credentials are not."""
    old, new = decode(request.old_inputs), decode(request.news)
    replaces = [key for key in ("context", "cluster") if old.get(key) and old.get(key) != new.get(key)]
    response = provider_pb2.DiffResponse
    return response(
        changes=response.DIFF_NONE if old == new else response.DIFF_SOME,
        replaces=replaces,
        diffs=sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)),
    )
