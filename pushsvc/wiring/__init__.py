"""What both daemons are wired of, from the configuration to listeners that are up. Only the two service.py use it."""
