"""Kubeflow Trainer."""

from cnai.feature import Feature
from cnai.kubeflow.families import KUBEFLOW

FEATURE = Feature(
    key="trainer",
    family=KUBEFLOW,
    text="Trainer: TrainJobs, and the runtimes that they are written against.",
    component="Trainer",
    packages=("kubeflow-trainer",),
    needs=("jobset",),
)
