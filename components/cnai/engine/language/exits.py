"""What a program's exit status tells the host."""

REPORTED = 32
"""The program failed and the reason has been reported: there is nothing to add."""
