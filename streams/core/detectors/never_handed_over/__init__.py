"""Never handed over: the detector, and the cases that explain it."""
