"""Before and after `up`: state storage, available capacity, comparing clouds, upgrades, drift.

Judging and planning are pure functions; what talks to a cloud is in a folder named after it.
"""
