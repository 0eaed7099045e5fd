"""Tests of pushsvc.net."""
