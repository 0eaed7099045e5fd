"""Tests of pushsvc.sip."""
