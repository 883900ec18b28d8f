"""The sandbox's own cloud: an embedded control plane with simulated nodes."""
