"""Waiting until objects are ready, or gone."""
