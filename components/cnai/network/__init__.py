"""How traffic gets in, between and out: mesh, gateways, certificates."""
