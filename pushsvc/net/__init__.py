"""Twisted: bytes and time go into the pure machines, bytes come out. No rule of an RFC is decided here."""
