"""The command line: commands that speak to the HTTP APIs, check configurations, and start a lab of both daemons."""
