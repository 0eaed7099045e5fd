"""Tests of pushsvc.sdp."""
