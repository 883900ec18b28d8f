"""JobSet."""

from cnai.feature import Feature

FEATURE = Feature(
    key="jobset",
    text="JobSet; there when something needs it unless it is switched off.",
    component="JobSet",
    packages=("jobset",),
    implied=True,
)
