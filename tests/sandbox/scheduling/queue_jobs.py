"""Jobs of a team, and what becomes of them."""

from typing import Any

from cnai.clouds.pools import GPU_TAINT, Taint
from cnai.kubeflow.queues import waits_for

JOBSET = "jobset.x-k8s.io/v1alpha2"
QUEUED_TAINT = Taint(key="example.com/queued", value="true")


def gpu_pod(gpus: int = 8) -> dict:
    resources = {"limits": {"nvidia.com/gpu": str(gpus)}}
    container = {"name": "main", "image": "registry.invalid/nothing", "resources": resources}
    return {"containers": [container], "tolerations": [GPU_TAINT.toleration], "restartPolicy": "Never"}


def job_set(team: str, name: str, pods: int, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    """Names no queue: the team's default one takes it."""
    template = {"metadata": {"annotations": annotations or {}}, "spec": gpu_pod()}
    job = {"parallelism": pods, "completions": pods, "template": template}
    return {
        "apiVersion": JOBSET,
        "kind": "JobSet",
        "metadata": {"name": name, "namespace": team},
        "spec": {"replicatedJobs": [{"name": "workers", "replicas": 1, "template": {"spec": job}}]},
    }


class Jobs:
    """Jobs by name, and what becomes of them."""

    def __init__(self, kube):
        self.kube, self.made = kube, {}

    def submit(self, job: dict) -> str:
        made = self.kube.create(job, field_manager="test")
        self.made[made["metadata"]["name"]] = made
        return made["metadata"]["name"]

    def now(self, name: str) -> dict:
        made = self.made[name]
        return self.kube.get(made["apiVersion"], made["kind"], name, made["metadata"]["namespace"])

    def runs(self, name: str) -> bool:
        """Whether it is admitted: its pods are there, whether they find a node or not."""
        return not self.now(name)["spec"].get("suspend") and bool(self.pods(name))

    def waits(self, name: str) -> str:
        """Why, in Kueue's words."""
        metadata = self.made[name]["metadata"]
        return waits_for(self.kube, metadata["namespace"], metadata["uid"])

    def pods(self, name: str) -> list[dict]:
        selector = f"jobset.sigs.k8s.io/jobset-name={name}"
        return self.kube.list("v1", "Pod", self.made[name]["metadata"]["namespace"], selector)

    def over(self, name: str) -> bool:
        conditions = self.now(name).get("status", {}).get("conditions", [])
        return any(c["type"] in ("Complete", "Completed") and c["status"] == "True" for c in conditions)
