"""Azure: AKS in its own network."""
