"""Pools of nodes, and what turns their accelerators into something that pods can ask for."""
