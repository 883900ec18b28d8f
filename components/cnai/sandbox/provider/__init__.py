"""The sandbox's `kubernetes` resource plugin: what the engine starts in place of the official one."""
