"""Wrong item: the detector, and the cases that explain it."""
