"""Late delivery: the detector, and the cases that explain it."""
