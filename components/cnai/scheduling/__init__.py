"""WHICH job runs when: queues, shares, gangs."""
