"""What a program's exit status tells the host."""

REPORTED = 32
"""The program failed and the user has been told why: there is nothing to add."""
