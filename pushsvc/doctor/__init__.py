"""Finds out why a system does not push yet: asks the network, and `judgement` makes verdicts of what was found."""
