"""Whether an environment, or any manifests, keep the rules: without a cluster, before anything exists."""
