"""Tests of pushsvc.ops."""
