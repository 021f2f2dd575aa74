"""Swapped labels: the detector, and the cases that explain it."""
