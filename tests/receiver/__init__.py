"""Tests of pushsvc.receiver."""
