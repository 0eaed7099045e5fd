"""Calls with SIPp, which others have written: what it says is ours, how it understands us is not."""
