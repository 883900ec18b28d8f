"""A job waits in the queue that it names, else in its team's own, and never in one that is not there."""

import pytest
import yaml
from pydantic import ValidationError

from cnai.environment import Environment
from cnai.errors import UserError
from cnai.kube import ApiError, NoKindError
from cnai.kubeflow.queues import QUEUE_LABEL, local_queues, queue_of
from cnai.kubeflow.trainer.trainjob import TrainingExample, train_job

STACK = "stacks/Pulumi.local.yaml"


class Cluster:
    """A cluster that serves LocalQueues in one version, or refuses to show them."""

    def __init__(self, version: str, names: tuple[str, ...] = (), refuses: int = 0):
        self.version, self.names, self.refuses = version, names, refuses

    def list(self, api_version: str, kind: str, namespace: str):
        assert (kind, namespace) == ("LocalQueue", "research")
        if self.refuses:
            raise ApiError(self.refuses, "no")
        if api_version != f"kueue.x-k8s.io/{self.version}":
            raise NoKindError(404, "not served")
        return [{"metadata": {"name": name}} for name in self.names]


@pytest.mark.parametrize("version", ["v1beta2", "v1beta1"])
def test_queues_are_found_in_whichever_version_the_cluster_serves(version):
    assert local_queues(Cluster(version, ("b", "a")), "research") == ["a", "b"]


def test_a_cluster_without_kueue_has_no_queues_and_one_that_refuses_to_tell_is_not_taken_for_it():
    assert local_queues(Cluster("none"), "research") == []
    assert local_queues(Cluster("v1beta2", refuses=403), "research") is None
    with pytest.raises(ApiError):
        local_queues(Cluster("v1beta2", refuses=500), "research")


@pytest.mark.parametrize(
    ("wanted", "queues", "needed", "chosen"),
    [
        (None, [], False, None),
        (None, None, False, None),
        (None, ["team"], True, "team"),
        (None, ["default", "other"], False, "default"),
        ("other", ["default", "other"], False, "other"),
        ("unseen", None, True, "unseen"),
    ],
)
def test_a_job_waits_in_the_named_queue_else_in_the_teams_own(wanted, queues, needed, chosen):
    assert queue_of(wanted, queues, "research", needed=needed) == chosen


@pytest.mark.parametrize(
    ("wanted", "queues", "needed", "told"),
    [
        ("typo", ["team"], False, "no LocalQueue 'typo': give one of team"),
        ("typo", [], False, "it has none, leave --queue out"),
        (None, ["a", "b"], False, "say --queue with one of a, b"),
        (None, [], True, "LocalQueues of research are not there"),
        (None, None, True, "may not be looked at"),
    ],
)
def test_a_queue_that_is_not_there_or_not_clear_is_refused(wanted, queues, needed, told):
    with pytest.raises(UserError, match=told):
        queue_of(wanted, queues, "research", needed=needed)


def test_the_job_itself_names_the_queue_and_its_pods_do_not(pytestconfig):
    document = yaml.safe_load((pytestconfig.rootpath / STACK).read_text())
    local = Environment.load("local", document["config"])
    example = TrainingExample(name="job", pool="h100", command=("true",))
    job = train_job(example, "research", local, "research")
    assert job["metadata"]["labels"][QUEUE_LABEL] == "research"
    assert QUEUE_LABEL not in str(job["spec"])
    assert QUEUE_LABEL not in train_job(example, "research", local)["metadata"]["labels"]


@pytest.mark.parametrize(
    ("name", "fits"), [("team.research", True), ("a" * 63, True), ("bad_", False), ("a" * 64, False)]
)
def test_an_examples_queue_is_what_a_label_can_say(name, fits):
    given = {"name": "a", "pool": "gpus", "command": ("x",), "queue": name}
    if fits:
        assert TrainingExample.model_validate(given).queue == name
    else:
        with pytest.raises(ValidationError, match="queue"):
            TrainingExample.model_validate(given)
