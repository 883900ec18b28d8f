"""Before and after `up`: where the state lies, what there is to buy, how clouds compare, upgrades, drift.

Judging and planning are pure functions; what talks to a cloud lies in a folder of that cloud's name.
"""
