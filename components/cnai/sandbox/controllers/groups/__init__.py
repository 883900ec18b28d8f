"""Node groups: what a cloud's group of machines does with its nodes, simulated, since no cloud is there to do it."""
