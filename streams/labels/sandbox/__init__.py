"""A return label for practice: everything that a real one has, and SAMPLE across it."""
