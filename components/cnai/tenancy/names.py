"""Names by which a team's things are found."""

TEAM_LABEL = "cnai.dev/team"
TRAINER_ACCOUNT = "trainer"
"""ServiceAccount of training pods."""
