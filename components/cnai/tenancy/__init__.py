"""WHO shares the platform: teams, and what they have in common."""
