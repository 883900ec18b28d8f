"""Azure: AKS in a network of its own."""
