"""Any environment on a laptop: real engine, real control plane, simulated nodes and clouds."""
