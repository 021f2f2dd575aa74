"""Stalled in transit: the detector, and the cases that explain it."""
