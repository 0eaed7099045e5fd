"""Tests of pushsvc.config."""
