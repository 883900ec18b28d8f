"""Components whose children the provider makes: ConfigGroup, ConfigFile, Directory and Chart."""

from typing import Any

from pulumi.runtime.proto import provider_pb2

from cnai.charts import manifests, sources
from cnai.charts.schemas import reference_dir
from cnai.charts.tokens import COMPONENTS
from cnai.kube import NoKindError
from cnai.plugin.errors import ProviderError
from cnai.plugin.values import Computed, Secret, contains, decode, encode, plain
from cnai.sandbox.provider.cluster import Cluster
from cnai.sandbox.provider.construct import charts, report
from cnai.sandbox.provider.construct.monitor import Monitor, reference
from cnai.sandbox.provider.release.ladder import Rung
from cnai.sandbox.provider.release.strip import stripped

Object = dict[str, Any]


def construct(cluster: Cluster, request: provider_pb2.ConstructRequest) -> provider_pb2.ConstructResponse:
    """Registers the component, then its children; an input that is still unknown leaves the children for the update."""
    if request.type not in COMPONENTS:
        raise ProviderError(f"the sandbox does not make {request.type}: use {', '.join(sorted(COMPONENTS))}")
    inputs = decode(request.inputs)
    monitor = Monitor(request)
    try:
        urn = monitor.register_component()
        if contains(inputs, Computed):
            cluster.host.warn(urn, "its inputs are not known before the update, so that its children are not shown")
            return provider_pb2.ConstructResponse(urn=urn)
        objects = _objects(cluster, request, urn, plain(inputs))
        state: Object = {"resources": [reference(child) for child in _children(monitor, urn, request, objects, inputs)]}
        monitor.register_outputs(urn, state)
    finally:
        monitor.close()
    return provider_pb2.ConstructResponse(urn=urn, state=encode(state))


def _objects(cluster: Cluster, request: provider_pb2.ConstructRequest, urn: str, inputs: Object) -> list[Object]:
    """What the component declares, less what would block an API server whose webhooks' controllers do not run."""
    sandbox, namespace = cluster.settings.sandbox, inputs.get("namespace") or _default_namespace(cluster)
    rung: Rung | None = None
    origin = sources.Origin(sandbox and reference_dir(sandbox.root.absolute().parent.parent))
    match COMPONENTS[request.type]:
        case "ConfigGroup":
            found = sources.of_group(inputs, origin)
        case "ConfigFile":
            found = sources.of_files(inputs["file"], origin)
        case "Directory":
            found = sources.of_directory(inputs["directory"])
        case _:
            found, rung = charts.rendered(urn, namespace, inputs, sandbox)
    objects, left_out = stripped(found)
    if not request.dryRun:
        report.write(sandbox, request, namespace, len(objects), left_out, rung, origin)
    return manifests.placed(objects, namespace, lambda version, kind: _is_namespaced(cluster, version, kind))


def _default_namespace(cluster: Cluster) -> str:
    return cluster.settings.namespace or cluster.kube.namespace


def _is_namespaced(cluster: Cluster, api_version: str, kind: str) -> bool:
    """A kind that is not served yet is taken for cluster-wide; applying it gives it the context's namespace if not."""
    try:
        return cluster.kube.endpoint(api_version, kind).namespaced
    except NoKindError:
        return False


def _children(
    monitor: Monitor, urn: str, request: provider_pb2.ConstructRequest, objects: list[Object], inputs: Object
) -> list[Any]:
    given = plain(inputs.get("resourcePrefix"))
    prefix = request.name if given is None else given
    first, rest = manifests.levels(objects)
    skip_await = plain(inputs.get("skipAwait")) is True

    def register(obj: Object, dependencies: list[str]) -> Any:
        shown = manifests.without_await(obj) if skip_await else obj
        return monitor.register(_secretive(shown), manifests.child_name(obj, prefix), urn, dependencies)

    made = [child.wait() for child in [register(obj, []) for obj in first]]
    urns = {id(obj): child.urn for obj, child in zip(first, made, strict=True)}
    started = [register(obj, [urns[id(other)] for other in manifests.needs(obj, first)]) for obj in rest]
    return [*made, *(child.wait() for child in started)]


def _secretive(obj: Object) -> Object:
    if (obj["apiVersion"], obj["kind"]) != ("v1", "Secret"):
        return obj
    return obj | {key: Secret(obj[key]) for key in ("data", "stringData") if key in obj}
