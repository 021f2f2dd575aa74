"""Return label: the remedy, and the cases that explain it."""
