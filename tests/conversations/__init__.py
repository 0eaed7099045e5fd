"""Whole sender and whole receiver in one process, on the simulated network."""
