"""Return to sender: the detector, and the cases that explain it."""
