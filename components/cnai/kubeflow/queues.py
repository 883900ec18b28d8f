"""Which Kueue queue a job waits in: the one that is named, else the team's own."""

from collections.abc import Sequence

from cnai.errors import UserError
from cnai.kube import ApiError, Kube, NoKindError

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""On a TrainJob: https://kueue.sigs.k8s.io/docs/tasks/run/trainjobs/"""
DEFAULT = "default"
"""The LocalQueue that Kueue itself takes for jobs that name none."""
_VERSIONS = ("v1beta2", "v1beta1")


def local_queues(kube: Kube, namespace: str) -> list[str] | None:
    """Names of a namespace's LocalQueues, none where Kueue is not there; None for who may not look at them."""
    for version in _VERSIONS:
        try:
            found = kube.list(f"kueue.x-k8s.io/{version}", "LocalQueue", namespace)
        except NoKindError:
            continue
        except ApiError as error:
            if error.status != 403:
                raise
            return None
        return sorted(each["metadata"]["name"] for each in found)
    return []


def queue_of(wanted: str | None, queues: Sequence[str] | None, team: str, *, needed: bool) -> str | None:
    """None where there is no queue. Raises `UserError` for one that is not there, or where it is not clear which.

    `needed` where the environment says that GPU jobs wait in queues (`cnai:policies.queues`).
    """
    if wanted is not None:
        if queues is not None and wanted not in queues:
            raise UserError(f"queue: team {team} has no LocalQueue {wanted!r}: {_choices(queues)}")
        return wanted
    if queues:
        if len(queues) > 1 and DEFAULT not in queues:
            raise UserError(f"queue: team {team} has several LocalQueues: say --queue with one of {', '.join(queues)}")
        return DEFAULT if DEFAULT in queues else queues[0]
    if needed:
        why = "may not be looked at" if queues is None else "are not there"
        raise UserError(
            f"queue: jobs wait in queues here (cnai:policies.queues), but LocalQueues of {team} {why}: "
            "make one, or name one with --queue"
        )
    return None


def _choices(queues: Sequence[str]) -> str:
    return f"give one of {', '.join(queues)}" if queues else "it has none, leave --queue out"
