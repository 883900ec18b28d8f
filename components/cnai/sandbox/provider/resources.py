"""Create, read, update and delete of any Kubernetes object, typed, custom or `*Patch`."""

from collections.abc import Mapping
from typing import Any

from cnai.charts.tokens import Kind, object_id, split_id
from cnai.kube import ApiError, Kube, NoKindError, namespaces
from cnai.plugin.errors import PartialError, ProviderError
from cnai.plugin.values import Computed, contains, marked, plain
from cnai.readiness import SKIP_AWAIT, WAIT_FOR
from cnai.sandbox.provider import live
from cnai.sandbox.provider.apply import Tell, addressed, applied, field_conflicts, passing, refusal
from cnai.sandbox.provider.awaits import unattended
from cnai.sandbox.provider.awaits.choice import annotations_of, judge_for
from cnai.sandbox.provider.awaits.verdicts import Judge, Surroundings, judge_of
from cnai.sandbox.provider.awaits.wait_for import WaitForError
from cnai.sandbox.provider.awaits.waiting import binding_mode, until_gone, until_ready
from cnai.sandbox.provider.awaits.watches import SERVICE_LABEL
from cnai.sandbox.provider.cluster import Cluster
from cnai.sandbox.provider.naming import field_manager, is_autonamed

Object = dict[str, Any]
AWAIT_S = 600.0
PATIENCE_S = 60.0
"""How long a creation waits for a kind or a namespace where the program sets no timeout."""
OWNERS = frozenset({"apps", "batch"})
"""The built-in groups whose objects own others, which have to go with them."""


def create(
    cluster: Cluster, urn: str, kind: Kind, inputs: Object, preview: bool, timeout_s: float
) -> tuple[str, Object]:
    """The id and the outputs; `PartialError` where the object exists but never became ready."""
    manager = manager_of(urn, inputs, {})
    if preview:
        return "", _previewed(cluster, urn, kind, inputs, manager)
    if is_autonamed(inputs):
        cluster.intents.note(urn, plain(inputs["metadata"]["name"]))
    return _applied(cluster, urn, inputs, manager, timeout_s)


def update(
    cluster: Cluster, urn: str, kind: Kind, olds: Object, inputs: Object, preview: bool, timeout_s: float
) -> Object:
    manager, before = manager_of(urn, inputs, olds), manager_of(urn, {}, olds)
    if preview:
        return _previewed(cluster, urn, kind, inputs, manager)
    _, outputs = _applied(cluster, urn, inputs, manager, timeout_s)
    if before != manager:
        _relinquish(cluster.kube, inputs, before)
    return outputs


def read(
    cluster: Cluster, urn: str, kind: Kind, given: str, inputs: Object, olds: Object
) -> tuple[Object, Object] | None:
    """Inputs and outputs as they are now; None where the object is gone. `PartialError` where it is not ready."""
    namespace, name = split_id(given)
    try:
        found = cluster.kube.get(olds.get("apiVersion") or kind.api_version, kind.kind, name, namespace)
    except NoKindError:
        return None
    if found is None or "deletionTimestamp" in found["metadata"]:
        return None
    outputs = marked(live.outputs(found, manager_of(urn, inputs, olds)), inputs)
    now = marked(live.as_inputs(found, plain(inputs)), inputs)
    if inputs and (trouble := _trouble(cluster.kube, found)) and not skips_await(inputs):
        raise PartialError(trouble, given, outputs, inputs=now)
    return now, outputs


def delete(cluster: Cluster, urn: str, kind: Kind, given: str, olds: Object, timeout_s: float) -> None:
    """Returns once the object is gone; what is gone already, or whose kind is, counts as deleted."""
    _delete(cluster, urn, kind, given, olds, timeout_s)
    cluster.intents.settle(urn, split_id(given)[1])
    unattended.forget(cluster.settings.sandbox, olds)


def _delete(cluster: Cluster, urn: str, kind: Kind, given: str, olds: Object, timeout_s: float) -> None:
    namespace, name = split_id(given)
    metadata: Object = {"name": name} | ({"namespace": namespace} if namespace else {})
    obj = {"apiVersion": olds.get("apiVersion") or kind.api_version, "kind": kind.kind, "metadata": metadata}
    annotations = (olds.get("metadata") or {}).get("annotations") or {}
    try:
        if kind.patch:
            return _relinquish(cluster.kube, obj, manager_of(urn, {}, olds))
        answer = _deleted(
            cluster, obj, annotations.get("pulumi.com/deletionPropagationPolicy"), timeout_s or PATIENCE_S
        )
    except NoKindError:
        return None
    if answer is None or answer.get("kind") == "Status" or annotations.get(SKIP_AWAIT) == "true":
        return None
    if (kind.api_version, kind.kind) == ("v1", "Namespace"):
        namespaces.finish(cluster.kube, name)
    return until_gone(cluster.kube, cluster.watches, answer, timeout_s or _own_timeout(annotations) or AWAIT_S)


def _deleted(cluster: Cluster, obj: Object, policy: str | None, patience_s: float) -> Object | None:
    group = obj["apiVersion"].rpartition("/")[0]
    owns = group in OWNERS or ("." in group and not group.endswith(".k8s.io"))
    propagation: Any = {"foreground": "Foreground", "background": "Background", "orphan": "Orphan"}.get(
        (policy or "").lower(), "Foreground" if owns else "Background"
    )
    metadata, waited = obj["metadata"], 0.0
    while True:
        try:
            return cluster.kube.delete(
                obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace"), propagation
            )
        except NoKindError:
            raise
        except ApiError as error:
            if not passing(error) or waited >= patience_s or cluster.watches.cancelled:
                raise refusal(obj, error) from error
            cluster.watches.pause(1.0)
            waited += 1.0


def _applied(cluster: Cluster, urn: str, inputs: Object, manager: str, timeout_s: float) -> tuple[str, Object]:
    obj, tell = manifest(inputs), _tell(cluster, urn)
    try:
        judge = judge_for(obj)
    except WaitForError as error:
        raise ProviderError(f"{WAIT_FOR}: {error}") from error
    annotations = annotations_of(obj)
    wanted, force = timeout_s or _own_timeout(annotations), forced(cluster, annotations)
    answer = applied(cluster.kube, cluster.watches, obj, manager, force, wanted or PATIENCE_S, tell)
    given = object_id(answer["metadata"].get("namespace"), answer["metadata"]["name"])
    if judge and (WAIT_FOR not in annotations or _is_attended(cluster, answer, judge)):
        try:
            answer = until_ready(cluster.kube, cluster.watches, answer, judge, wanted or AWAIT_S, tell.status)
        except PartialError as error:
            outputs = marked(live.outputs(error.outputs, manager), inputs)
            reasons = (*error.reasons, *unattended.reasons(cluster.settings.sandbox, obj))
            raise PartialError(error.message, given, outputs, reasons) from error
    return given, marked(live.outputs(answer, manager), inputs)


def _is_attended(cluster: Cluster, obj: Object, judge: Judge) -> bool:
    """Whether waiting for the object can ever end; where nobody will make it ready here, that is written down."""
    sandbox = cluster.settings.sandbox
    ready = judge(obj, Surroundings()).state == "ready"
    if ready or sandbox is None or unattended.attended(cluster.kube, sandbox, obj):
        unattended.forget(sandbox, obj)
        return True
    unattended.note(sandbox, obj)
    return False


def _tell(cluster: Cluster, urn: str) -> Tell:
    host = cluster.host
    return Tell(lambda words: host.status(urn, words), lambda words: host.warn(urn, words))


def _previewed(cluster: Cluster, urn: str, kind: Kind, inputs: Object, manager: str) -> Object:
    """What a dry run would give, so that a preview shows what the API server refuses; else the inputs."""
    if contains(inputs, Computed) or kind.patch:
        return inputs
    obj = manifest(inputs)
    force = forced(cluster, obj["metadata"].get("annotations") or {})
    try:
        warn = _tell(cluster, urn).warning
        answer = cluster.kube.apply(addressed(cluster.kube, obj), manager, force, dry_run=True, warn=warn)
    except ApiError as error:
        if not _tells(error):
            return inputs
        raise refusal(obj, error) from error
    return marked(live.outputs(answer, manager, preview=True), inputs)


def _tells(error: ApiError) -> bool:
    """Whether a dry run's refusal will hold in the update, which may first make what is missing now."""
    if error.status == 422:
        return "field is immutable" not in error.message
    if error.status == 403:
        return "denied the request" in error.message or "denied request" in error.message
    return error.status == 0 or (error.status == 400 and "dry run" not in error.message) or field_conflicts(error)


def manifest(inputs: Object) -> Object:
    """Inputs as the API server takes them."""
    obj = plain(inputs)
    return live.underscores_to_dashes(obj) if obj.get("kind") == "CustomResourceDefinition" else obj


def manager_of(urn: str, inputs: Mapping[str, Any], olds: Mapping[str, Any]) -> str:
    """The annotation's field manager, else the one in the state, else one that follows from the URN."""
    annotations = (inputs.get("metadata") or {}).get("annotations")
    chosen = annotations.get("pulumi.com/patchFieldManager") if isinstance(annotations, dict) else None
    return chosen if isinstance(chosen, str) else str(olds.get("__fieldManager") or field_manager(urn))


def forced(cluster: Cluster, annotations: Mapping[str, Any]) -> bool:
    given = annotations.get("pulumi.com/patchForce")
    return cluster.settings.patch_force if given is None else given == "true"


def skips_await(inputs: Mapping[str, Any]) -> bool:
    return annotations_of(plain(inputs)).get(SKIP_AWAIT) == "true"


def _own_timeout(annotations: Mapping[str, Any]) -> float:
    given = str(annotations.get("pulumi.com/timeoutSeconds") or "")
    return float(given) if given.isdigit() else 0.0


def _relinquish(kube: Kube, obj: Object, manager: str) -> None:
    """Gives up the fields that a manager owns, and leaves the object to the others."""
    metadata = {key: obj["metadata"][key] for key in ("name", "namespace") if obj["metadata"].get(key)}
    bare: Object = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}
    if kube.get(bare["apiVersion"], bare["kind"], metadata["name"], metadata.get("namespace")) is not None:
        kube.apply(bare, manager)


def _trouble(kube: Kube, found: Object) -> str:
    """Why an object is not ready at this moment; "" where it is."""
    judge = judge_of(found["apiVersion"], found["kind"])
    if judge is None:
        return ""
    metadata = found["metadata"]
    around = Surroundings(
        endpoint_slices=lambda: kube.list(
            "discovery.k8s.io/v1", "EndpointSlice", metadata.get("namespace"), f"{SERVICE_LABEL}={metadata['name']}"
        ),
        binding_mode=lambda: binding_mode(kube, found["spec"].get("storageClassName")),
    )
    verdict = judge(found, around)
    what = f"{found['kind']} {object_id(metadata.get('namespace'), metadata['name'])}"
    return "" if verdict.state == "ready" else f"{what} is not ready: {verdict.message}"


def is_unready_job(cluster: Cluster, olds: Object) -> bool:
    """For `pulumi.com/replaceUnready`: a Job that has not completed is made anew."""
    metadata = olds.get("metadata") or {}
    found = cluster.kube.get("batch/v1", "Job", metadata.get("name", ""), metadata.get("namespace"))
    return found is not None and bool(_trouble(cluster.kube, found))
