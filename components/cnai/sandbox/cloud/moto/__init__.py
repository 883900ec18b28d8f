"""AWS as moto has it: a server of the sandbox's own, and what each resource calls there."""
