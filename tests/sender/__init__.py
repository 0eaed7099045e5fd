"""Tests of pushsvc.sender."""
