"""Verdicts, of values."""
