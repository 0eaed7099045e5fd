"""What both HTTP APIs share: site, limits, problems, bodies, tokens, lists. What they say is in sender and receiver."""
