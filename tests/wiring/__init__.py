"""Tests of pushsvc.wiring."""
