"""Checks an environment, or any manifests, against the rules: without a cluster, before anything exists."""
