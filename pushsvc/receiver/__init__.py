"""What a push means to who receives it: may it come in, where is it kept, who is told. The wire is in sessions."""
