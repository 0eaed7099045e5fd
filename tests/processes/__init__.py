"""Real twistd processes on loopback."""
