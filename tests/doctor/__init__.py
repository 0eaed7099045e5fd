"""Examinations: what is asked of the network, and what is made of the answers."""
