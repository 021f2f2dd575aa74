"""One file per step: its number comes first, and a published one never changes."""
