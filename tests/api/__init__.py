"""Tests of pushsvc.api."""
