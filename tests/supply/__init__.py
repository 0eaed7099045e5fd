"""What we are made of: the pinned versions, what is known against them, their licences, and the wheel."""
