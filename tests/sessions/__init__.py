"""One file per module of `pushsvc.sessions`; whole sessions are in `tests.conversations`."""
