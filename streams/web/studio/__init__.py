"""The studio: marketing's room, in which words are written, seen and checked; it reads and writes files, and nothing else."""
