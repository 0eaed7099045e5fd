"""Tests of pushsvc.pushctl."""
