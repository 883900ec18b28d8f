"""What is in a real chart, written down: the facts that stand-ins, policies, mirrors and checks of values read."""
