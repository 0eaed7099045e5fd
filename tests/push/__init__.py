"""Tests of pushsvc.push."""
