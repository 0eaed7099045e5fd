"""The tests of pushsvc: a mirror of the package, then conversations, then real processes."""
