"""A cluster that is there already: nothing of a cloud is assumed, no node is made."""
