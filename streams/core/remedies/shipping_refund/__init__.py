"""Shipping refund: the remedy, and the cases that explain it."""
