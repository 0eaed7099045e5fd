"""Tests of pushsvc.msrp."""
