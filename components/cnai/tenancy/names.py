"""Names by which a team's things are found."""

TEAM_LABEL = "cnai.dev/team"
TRAINER_ACCOUNT = "trainer"
"""ServiceAccount of training pods."""
PRIORITY_VALUES = {"batch": -1000, "training": 1000, "serving": 10000}
PRIORITIES = tuple(PRIORITY_VALUES)
"""From the lowest to the highest; a pod without a class stands between batch and training."""


def priority_class(priority: str) -> str:
    return f"cnai-{priority}"
