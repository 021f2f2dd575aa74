"""Stories told to today's policy and words: what customers would read, for training staff and for releasing changes."""
